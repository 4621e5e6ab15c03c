"""Labelling configurations of Label Studio, read and written; hostile ones are refused."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.formats.label_studio_config import (
    DEEPEST,
    EXAMPLE,
    LARGEST,
    MOST_TAGS,
    SpanControl,
    in_xml,
    read_label_config,
    write_label_config,
)
from spacy_zh_tw_ner.errors import CorpusError

ENTITIES = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
BOMB = f'<!DOCTYPE View [<!ENTITY l0 "哈">{ENTITIES}]><View>&l9;</View>'
FILE = '<!DOCTYPE View [<!ENTITY f SYSTEM "file:///etc/passwd">]><View>&f;</View>'


def test_names_fields_and_labels_are_read() -> None:
    config = """<!-- a comment --><View>
      <Header value="標註"/>
      <labels name="kind" toName="body, title">
        <Label value="人名" predicted_values="PERSON, PER"/><Label value="ORG" alias="organisation" hotkey="o"/>
      </labels>
      <Labels name="place" toName="body"><Label value="地點" predicted_values="GPE"/></Labels>
      <Choices name="topic" toName="body"><Choice value="政治"/></Choices>
      <View style="color: red"><Text name="body" value="$content"/></View>
      <Text name="title" value=" $headline "/>
    </View>"""
    kind, kind_of_title, place = read_label_config(config)
    assert (kind.name, kind.text, kind.field) == ("kind", "body", "content")
    assert (kind_of_title.name, kind_of_title.text, kind_of_title.field) == ("kind", "title", "headline")
    assert (place.name, place.text, place.field) == ("place", "body", "content")
    predicted = ["PERSON", "PER", "per", "人名", "ORG", "org", "organisation", "GPE"]
    expected = ["人名", "人名", "人名", "人名", "organisation", "organisation", "organisation", None]
    assert [kind.label(label) for label in predicted] == expected
    assert place.label("GPE") == "地點"


def test_an_equal_label_is_preferred_to_one_in_another_case() -> None:
    config = EXAMPLE.replace('<Label value="GPE"/>', '<Label value="Org"/><Label value="ORG"/><Label value="org"/>')
    (control,) = read_label_config(config)
    assert [control.label(label) for label in ("org", "ORG", "Org", "oRG")] == ["org", "ORG", "Org", "Org"]


@given(st.lists(st.text(min_size=1).filter(in_xml).filter(lambda label: label == " ".join(label.split())), unique=True))
def test_written_configurations_are_read_again(labels: list[str]) -> None:
    (control,) = read_label_config(write_label_config(labels))
    assert control._replace(folded={}) == SpanControl("label", "text", "text", {label: label for label in labels}, {})


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("", "not valid XML"),
        ("<View>", "not valid XML"),
        ("<View></View><View></View>", "not valid XML"),
        ("\ud800<View/>", "not valid XML"),
        ("<View></View>", "no <Labels> tag"),
        (
            '<View><Image name="i" value="$i"/><Labels name="l" toName="i"><Label value="A"/></Labels></View>',
            "no <Labels>",
        ),
        (EXAMPLE.replace('toName="text"', 'toName="other"'), "no <Labels> tag"),
        (EXAMPLE.replace("$text", "a text"), "not the name of one field"),
        (EXAMPLE.replace("$text", "$a: $b"), "not the name of one field"),
        (EXAMPLE.replace("<Text", '<Text valueType="url"'), "from URLs"),
        (BOMB, "document type"),
        (FILE, "document type"),
        (f"<View>{'<View/>' * MOST_TAGS}</View>", "more than 20,000 tags"),
        ("<View>" * (DEEPEST + 1), "nested deeper"),
        (EXAMPLE.replace("<View>", "<View>" + '<Labels name="l" toName="text"/>' * 100), "more than 100 pairs"),
        (EXAMPLE + " " * LARGEST, "more than the limit"),
    ],
)
def test_unusable_configurations_are_refused(config: str, problem: str) -> None:
    with pytest.raises(CorpusError, match=rf"^\[ZT743\] The labelling configuration cannot be used: .*{problem}"):
        read_label_config(config)


def test_a_long_value_that_is_named_many_times_takes_little_time() -> None:
    text = f'<Text name="t" value="${"x" * 300_000} y"/>'
    one = f'<Labels name="l" toName="{"t," * 100_000}"/>'
    many = '<Labels name="l" toName="t"/>' * 15_000
    start = time.process_time()
    for controls in (one, many):
        with pytest.raises(CorpusError, match="is not the name of one field"):
            read_label_config(f"<View>{controls}{text}</View>")
    assert time.process_time() - start < 5


def test_one_field_may_be_shown_in_a_few_texts_only() -> None:
    def shown(n: int) -> str:
        names = [f"t{i}" for i in range(n)]
        texts = "".join(f'<Text name="{name}" value="$text"/>' for name in names)
        return f'<View><Labels name="l" toName="{",".join(names)}"><Label value="GPE"/></Labels>{texts}</View>'

    assert len(read_label_config(shown(4))) == 4
    with pytest.raises(CorpusError, match=r"ZT743.*'text' in 5 <Text> tags, more than 4"):
        read_label_config(shown(5))
