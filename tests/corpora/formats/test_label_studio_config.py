"""Labelling configurations of Label Studio, read and written; hostile ones are refused."""

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
        (EXAMPLE.replace('toName="text"', f'toName="{"text," * 101}"'), "more than 100 pairs"),
        (EXAMPLE + " " * LARGEST, "more than the limit"),
    ],
)
def test_unusable_configurations_are_refused(config: str, problem: str) -> None:
    with pytest.raises(CorpusError, match=rf"^\[ZT743\] The labelling configuration cannot be used: .*{problem}"):
        read_label_config(config)
