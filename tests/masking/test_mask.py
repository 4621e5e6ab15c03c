"""Masking of documents: every action, offsets, repetitions, and that no surface is left."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.entities import Found
from spacy_zh_tw_ner.errors import UsageError
from spacy_zh_tw_ner.masking import Masked, Masker, MaskingPolicy, mask, unmask
from spacy_zh_tw_ner.masking.labels import ACTIONS, PLACEHOLDERS
from spacy_zh_tw_ner.masking.mask import REVERSIBLE
from spacy_zh_tw_ner.masking.surfaces import SurfaceIndex

from .helpers import ENTITIES, TEXT, make_doc

KEY = b"a key of 16 bytes or more"


def test_the_default_policy_replaces_personal_data_and_keeps_the_rest() -> None:
    assert mask(make_doc()).text == (
        "〔姓名1〕（身分證〔身分證字號1〕，電話〔電話1〕，〔電話2〕）住〔地址1〕，生於〔生日1〕，信用卡〔信用卡號1〕。"
        "〔姓名1〕任職台積電（統編04595257），信箱〔電子郵件1〕。"
    )


def test_offsets_before_and_after_belong_together() -> None:
    masked = mask(make_doc())
    assert [TEXT[r.start : r.end] for r in masked.replacements][:3] == ["王小明", "A123456789", "0912-345-678"]
    assert all(masked.text[r.masked_start : r.masked_end] == r.text for r in masked.replacements)
    assert [masked.text[e.start : e.end] for e in masked.entities if e.label == "ORG"] == ["台積電"]


def test_a_surface_is_masked_wherever_it_occurs() -> None:
    masked = mask(make_doc("王小明來了。王小明走了。王小明診所", {"王小明": "PERSON", "王小明診所": "ORG"}))
    assert masked.text == "〔姓名1〕來了。〔姓名1〕走了。〔姓名1〕診所"
    assert [ent.label for ent in masked.entities] == ["PERSON"] * 3  # no longer an organisation


def test_a_repetition_at_the_end_of_the_text_ends_there() -> None:
    text = "王小明、王小、王小"
    masked = Masker().mask_text(text, [Found(0, 3, "PERSON", None), Found(4, 6, "PERSON", None)])
    assert [text[r.start : r.end] for r in masked.replacements] == ["王小明", "王小", "王小"]
    assert masked.replacements[-1].end == len(text)


def test_spellings_of_one_entity_have_one_number() -> None:
    phones = {"0912-345-678": "PHONE", "０９１２３４５６７８": "PHONE", "0987654321": "PHONE"}
    assert mask(make_doc("、".join(phones), phones)).text == "〔電話1〕、〔電話1〕、〔電話2〕"


def test_addresses_on_the_internet_differ_by_a_dash() -> None:
    emails = {"li-ming@mail.tw": "EMAIL", "liming@mail.tw": "EMAIL"}
    assert mask(make_doc("、".join(emails), emails)).text == "〔電子郵件1〕、〔電子郵件2〕"


def test_redact_hides_the_length() -> None:
    policy = MaskingPolicy({"PERSON": "redact"})
    assert mask(make_doc("王小明與歐陽大同", {"王小明": "PERSON", "歐陽大同": "PERSON"}), policy).text == "███與███"


def test_hash_depends_on_the_key_and_the_entity_alone() -> None:
    policy = MaskingPolicy({"PERSON": "hash"})
    texts = [mask(make_doc(text, {"王小明": "PERSON"}), policy, key=KEY).text for text in ("王小明", "見王小明")]
    assert texts[1] == f"見{texts[0]}"
    assert re.fullmatch("〔姓名#[0-9a-f]{16}〕", texts[0])
    assert mask(make_doc("王小明", {"王小明": "PERSON"}), policy, key=KEY + b"2").text != texts[0]
    with pytest.raises(UsageError, match="ZT877"):
        mask(make_doc(), policy)


def test_generalise_keeps_the_year_and_the_county() -> None:
    policy = MaskingPolicy({"BIRTHDAY": "generalise", "ADDRESS": "generalise"})
    text = mask(make_doc(), policy).text
    assert "住臺北市，生於民國75年，" in text
    assert unmask(text, mask(make_doc(), policy).map) == TEXT


def test_a_generalised_value_is_no_surface_that_is_masked() -> None:
    policy = MaskingPolicy({"ADDRESS": "generalise", "GPE": "replace"})
    doc = make_doc("臺北市，即臺北市大安區和平東路", {"臺北市": "GPE"})
    doc.ents = [*doc.ents, doc.char_span(5, 15, label="ADDRESS")]  # type: ignore[list-item]
    assert mask(doc, policy).text == "〔行政區1〕，即〔地址1〕"


def test_one_pseudonym_for_an_entity_in_a_document_a_corpus_and_under_a_key() -> None:
    policy = MaskingPolicy({"PERSON": "pseudonym"})
    masker = Masker(policy)
    name = masker(make_doc("王小明", {"王小明": "PERSON"})).text
    assert masker(make_doc("王小明說王小明", {"王小明": "PERSON"})).text == f"{name}說{name}"
    assert re.fullmatch(r"\w{3}", name)
    keyed = {mask(make_doc("王小明", {"王小明": "PERSON"}), policy, key=KEY).text for _ in range(3)}
    assert len(keyed) == 1
    assert len({Masker(policy)(make_doc("王小明", {"王小明": "PERSON"})).text for _ in range(5)}) > 1


def test_entities_that_overlap_are_masked_as_one() -> None:
    found = [Found(0, 3, "PERSON", None), Found(1, 5, "ORG", 0.5), Found(5, 5, "PERSON", None)]
    masked = Masker(MaskingPolicy(default="replace")).mask_text("王小明公司在臺北", found)
    assert masked.text == "〔姓名1〕在臺北"


def test_no_original_is_in_the_representation() -> None:
    assert not any(surface in repr(mask(make_doc())) for surface in ("王小明", "A123456789", "0912-345-678"))


SURFACES = st.text("王小明天陳A109-@〔姓█ １", min_size=2, max_size=8)


@st.composite
def texts_with_entities(draw: st.DrawFn) -> tuple[str, list[Found]]:
    """Draw a text of entities and other text from few characters, so that surfaces repeat and touch."""
    parts, entities, offset = list[str](), list[Found](), 0
    for _ in range(draw(st.integers(1, 8))):
        part = draw(SURFACES)
        if draw(st.booleans()):
            label = draw(st.sampled_from(sorted(PLACEHOLDERS)))
            entities.append(Found(offset, offset + len(part), label, None))
        parts.append(part)
        offset += len(part)
    return "".join(parts), entities


def unmasked_text(masked: Masked) -> str:
    """Return the masked text without placeholders, hashes and blocks, at whose places it is divided."""
    parts, last = [], 0
    for done in masked.replacements:
        if done.action in ("replace", "hash", "redact"):
            parts.append(masked.text[last : done.masked_start])
            last = done.masked_end
    return "\n\n\n".join([*parts, masked.text[last:]])


@given(texts_with_entities(), st.dictionaries(st.sampled_from(sorted(PLACEHOLDERS)), st.sampled_from(ACTIONS[:-1])))
def test_no_masked_surface_is_left(drawn: tuple[str, list[Found]], actions: dict[str, str]) -> None:
    text, entities = drawn
    policy = MaskingPolicy(actions)
    masked = Masker(policy, key=KEY).mask_text(text, entities)
    rest = unmasked_text(masked)
    for ent in entities:
        if policy.action(ent.label) != "keep":
            assert text[ent.start : ent.end] not in rest
    assert all(masked.text[r.masked_start : r.masked_end] == r.text for r in masked.replacements)
    if all(done.action in REVERSIBLE for done in masked.replacements):
        assert unmask(masked.text, masked.map) == text


@given(st.sampled_from(sorted(ENTITIES.values())), st.binary(min_size=16, max_size=32))
def test_pseudonyms_restore_the_text(label: str, key: bytes) -> None:
    masked = mask(make_doc(), MaskingPolicy({label: "pseudonym"}, default="pseudonym"), key=key)
    assert not any(surface in masked.text for surface in ENTITIES)
    assert unmask(masked.text, masked.map) == TEXT


class CountingText(str):
    """Counts how often it is sliced: once for each comparison with a surface, and once for each position."""

    count = 0

    def __getitem__(self, key: object) -> str:  # type: ignore[override]
        CountingText.count += 1
        return str.__getitem__(self, key)  # type: ignore[index]


def slices(surfaces: list[str]) -> int:
    CountingText.count = 0
    list(SurfaceIndex(surfaces).find(CountingText("".join(surfaces))))
    return CountingText.count


def test_twice_the_entities_are_twice_the_work() -> None:
    phones = [f"09{i:08}" for i in range(2000)]
    assert slices(phones) <= 2.01 * slices(phones[:1000])


def test_surfaces_of_all_lengths_that_begin_alike_are_linear_work() -> None:
    hostile = ["A" * n for n in range(2, 200)]
    assert slices(hostile) <= 64 * len("".join(hostile))


def test_of_a_long_surface_the_beginning_is_masked_where_it_occurs_again() -> None:
    long = "".join(chr(0x4E00 + i) for i in range(100))
    masked = Masker().mask_text(f"{long}，{long}", [Found(0, 100, "ADDRESS", None)])
    assert masked.text == f"〔地址1〕，〔地址2〕{long[64:]}"
