"""Augmentation by replacing characters with variants or converting texts to Simplified."""

import random

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Config

from spacy_zh_tw_ner.corpora.formats.markup import parse_line
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.tokenization.folds import VARIANTS
from spacy_zh_tw_ner.training.augmenters import ScriptVariants
from tests.annotated_docs import make_doc

LINE = "[蔡英文](PERSON)在[臺北市](GPE)的[台積電](ORG)裡 [Taiwan 大學](ORG)，說國語。"

NLP = spacy.blank("zh_tw")


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(0)


def make(nlp: Language, line: str) -> Example:
    gold = make_doc(nlp, Record(*parse_line(line), origin="f:1"))
    return Example(nlp.make_doc(gold.text), gold)


def spans(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def test_variants_are_replaced_in_both_directions(nlp: Language) -> None:
    (example,) = ScriptVariants(1.0)(nlp, make(nlp, LINE))
    assert example.text == "蔡英文在台北市的臺積電裏 Taiwan 大學，說國語。"
    assert example.predicted.text == example.reference.text
    assert [ent.text for ent in example.reference.ents] == ["蔡英文", "台北市", "臺積電", "Taiwan 大學"]


def test_a_document_is_converted_to_simplified(nlp: Language) -> None:
    (example,) = ScriptVariants(0.0, script_level=1.0, scripts=["tw2s"])(nlp, make(nlp, LINE))
    assert example.text == "蔡英文在台北市的台积电里 Taiwan 大学，说国语。"
    (example,) = ScriptVariants(0.0, script_level=1.0, scripts=["tw2t"])(nlp, make(nlp, "[群山](LOC)裡"))
    assert example.text == "羣山裏"


@given(
    st.lists(
        st.sampled_from(["[臺灣](GPE)", "台", "[裡裏](X)", "軟體", "[滑鼠](X)", "網際網路", "A1", "  ", "\n", "着"])
    ),
    st.floats(0, 1),
    st.floats(0, 1),
    st.lists(st.sampled_from(["tw2s", "tw2t", "tw2sp", "s2twp"]), max_size=2),
    st.integers(),
)
def test_script_variants_keep_offsets_and_annotation(
    parts: list[str], level: float, script_level: float, scripts: list[str], seed: int
) -> None:
    random.seed(seed)
    before = make(NLP, "".join(parts))
    (after,) = ScriptVariants(level, script_level=script_level, scripts=scripts)(NLP, before)
    assert spans(after.reference) == spans(before.reference)
    assert [t.idx for t in after.reference] == [t.idx for t in before.reference]
    assert after.get_aligned_ner() == before.get_aligned_ner()
    assert after.predicted.text == after.reference.text


@given(st.lists(st.sampled_from("台臺裡裏里着著"), max_size=30).map("".join), st.integers())
def test_a_variant_is_replaced_everywhere_in_a_document_or_nowhere(text: str, seed: int) -> None:
    random.seed(seed)
    (example,) = ScriptVariants(0.5)(NLP, make(NLP, text))
    assert len(set(zip(text, example.text, strict=True))) == len(set(text))
    assert {(VARIANTS.get(char, char)) for char in text} == {VARIANTS.get(char, char) for char in example.text}


def test_the_levels_are_shares_of_characters_and_documents(nlp: Language) -> None:
    augment = ScriptVariants(0.3, script_level=0.2, scripts=["tw2s"])
    texts = [next(augment(nlp, make(nlp, "臺電"))).text for _ in range(1000)]
    assert 240 < sum(text == "台電" for text in texts) + sum(text == "臺电" for text in texts) < 400
    assert 150 < sum(text[1] == "电" for text in texts) < 250


def test_level_zero_and_text_without_variants_change_nothing(nlp: Language) -> None:
    for augment, line in ((ScriptVariants(0.0), LINE), (ScriptVariants(1.0), "[好](X)"), (ScriptVariants(1.0), "")):
        example = make(nlp, line)
        assert list(augment(nlp, example)) == [example]


@pytest.mark.parametrize("unknown", [[], [0], [3, 4], [0, 1, 2, 3, 4, 5, 6]])
def test_unannotated_tokens_stay_unannotated(unknown: list[int], nlp: Language) -> None:
    gold = nlp.make_doc("在臺北市的夏天")
    ents = [] if 0 in unknown and 1 in unknown else [Span(gold, 1, 3, label="GPE")]
    gold.set_ents(ents, default="outside", missing=[gold[i : i + 1] for i in unknown])
    before = Example(nlp.make_doc(gold.text), gold)
    (after,) = ScriptVariants(1.0)(nlp, before)
    assert after.text == "在台北市的夏天"
    assert after.get_aligned_ner() == before.get_aligned_ner()


def test_a_respelled_document_without_annotation_gets_none(nlp: Language) -> None:
    (example,) = ScriptVariants(1.0)(nlp, Example(nlp.make_doc("臺北"), nlp.make_doc("臺北")))
    assert (example.text, example.get_aligned_ner()) == ("台北", [None, None])


def test_annotation_of_other_components_is_copied(nlp: Language) -> None:
    words = {"words": ["臺北", "很", "美"], "spaces": [False] * 3}
    gold = Doc(nlp.vocab, **words, tags=["NR", "AD", "VA"], heads=[2, 2, 2], deps=["nsubj", "advmod", "ROOT"])  # type: ignore[arg-type]
    gold.cats = {"travel": 1.0}
    gold.spans["all"] = [Span(gold, 0, 3, "X", span_id="s")]
    gold.user_data["origin"] = "f:1"
    doc = next(ScriptVariants(1.0)(nlp, Example(nlp.make_doc(gold.text), gold))).reference
    assert [(t.text, t.tag_, t.head.i, t.dep_) for t in doc] == [
        ("台北", "NR", 2, "nsubj"),
        ("很", "AD", 2, "advmod"),
        ("美", "VA", 2, "ROOT"),
    ]
    assert [(span.text, span.label_, span.id_) for span in doc.spans["all"]] == [("台北很美", "X", "s")]
    assert (doc.cats, doc.user_data["origin"]) == ({"travel": 1.0}, "f:1")
    assert gold.text == "臺北很美"  # the corpus itself is not touched


def test_the_same_seed_gives_the_same_examples(nlp: Language) -> None:
    runs = []
    for _ in range(2):
        random.seed(7)
        augment = ScriptVariants(0.5, script_level=0.3)
        runs.append([next(augment(nlp, make(nlp, LINE))).text for _ in range(20)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 1.5}, r"\[ZT241\] `level` of script_variants.*1\.5"),
        ({"level": 0.5, "script_level": -1.0}, r"\[ZT241\] `script_level` of script_variants.*-1\.0"),
        ({"level": 0.5, "pairs": {"里": "裡面"}}, r"\[ZT242\].*里.*裡面"),
        ({"level": 0.5, "script_level": 0.1, "scripts": ["zh"]}, r"\[ZT004\] Unknown script 'zh'"),
    ],
)
def test_invalid_augmenter_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScriptVariants(**settings)  # type: ignore[arg-type]


def test_an_augmenter_in_the_config_augments_the_corpus(nlp: Language, tmp_path: object) -> None:
    DocBin(docs=[make(nlp, LINE).reference]).to_disk(f"{tmp_path}/a.spacy")
    config = Config().from_str(
        f"""
        [corpus]
        @readers = "spacy-zh-tw-ner.CharCorpus.v1"
        path = "{tmp_path}/a.spacy"

        [corpus.augmenter]
        @augmenters = "spacy-zh-tw-ner.script_variants.v1"
        level = 1.0
        script_level = 0.0
        """
    )
    (example,) = registry.resolve(config)["corpus"](nlp)
    assert example.text == "蔡英文在台北市的臺積電裏 Taiwan 大學，說國語。"
    config["corpus"]["augmenter"] |= {"scripts": ["tw2s"], "script_level": 1.0, "pairs": {"国": "國"}}
    (example,) = registry.resolve(config)["corpus"](nlp)
    assert example.text == "蔡英文在台北市的台积电里 Taiwan 大学，说國语。"
