"""Names that are annotated inconsistently are found and counted."""

from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.corpora.annotation_consistency import Names, among_themselves, left_out, only_here
from spacy_zh_tw_ner.corpora.formats.docbin import Sentence
from spacy_zh_tw_ner.entities import Entity


def sentence(marked: str, origin: str = "") -> Sentence:
    """Parse a test notation: "在[臺北]的" has one entity, and "?" is a character without gold annotation."""
    text, entities, start = "", [], 0
    for char in marked:
        if char == "[":
            start = len(text)
        elif char == "]":
            entities.append(Entity(start, len(text), "X"))
        else:
            text += char
    outside = [char != "?" and not any(e.start <= i < e.end for e in entities) for i, char in enumerate(text)]
    return Sentence(text, tuple(entities), tuple(outside), origin or marked)


def found(names: list[str], marked: str) -> list[tuple[str, bool]]:
    known = Names([sentence("".join(f"[{name}]。" for name in names))])
    return [one[:2] for one in known.find([sentence(marked)])]


def test_annotated_and_unannotated_names_are_found() -> None:
    assert found(["臺北", "高雄"], "[臺北]和高雄和臺南") == [("臺北", True), ("高雄", False)]


def test_a_name_in_a_longer_entity_is_not_an_occurrence() -> None:
    assert found(["臺北"], "[臺北車站]的臺北[臺北]") == [("臺北", False), ("臺北", True)]


def test_a_name_that_overlaps_an_entity_is_not_an_occurrence() -> None:
    assert found(["北市"], "臺北[市長]") == []


def test_the_longest_name_is_found_and_names_inside_it_are_not() -> None:
    assert found(["臺北", "臺北車站", "車站"], "到臺北車站了") == [("臺北車站", False)]


def test_latin_words_and_numbers_are_found_only_as_whole_words() -> None:
    assert found(["USB", "12"], "有USB和USBC和aUSB和2012和12。") == [("USB", False), ("12", False)]


def test_single_characters_and_text_without_gold_annotation_are_skipped() -> None:
    assert found(["中", "臺?"], "中和臺?") == []


def test_a_mostly_unannotated_word_is_not_a_name() -> None:
    names = Names([sentence("[西方]的西方和西方"), sentence("[臺北]和臺北")])
    assert names.surfaces == {"臺北"}


def test_left_out_counts_unannotated_names_of_the_reference() -> None:
    train = [sentence("[臺北][高雄]")]
    result = left_out(train, [sentence("[臺北]", "a"), sentence("臺北和臺北，高雄", "b"), sentence("臺南", "c")])
    assert result[:2] == (4, 3)
    assert result.surfaces == {"臺北": 2, "高雄": 1}
    assert list(result.surfaces) == ["臺北", "高雄"]
    assert (result.first, result.share) == ("b", 0.75)
    assert result.to_json()["share"] == 75.0


def test_only_here_counts_entities_unannotated_in_the_reference() -> None:
    train = [sentence("清朝和清朝"), sentence("[臺北]和臺北")]
    result = only_here(train, [sentence("[清朝]", "a"), sentence("[臺北][臺南]", "b")])
    assert (result.found, result.differing, result.surfaces, result.first) == (2, 1, {"清朝": 1}, "a")


def test_a_consistent_corpus_has_no_differences() -> None:
    sentences = [sentence("[臺北]的[高雄]")] * 20
    both = among_themselves(sentences)
    assert [one.differing for one in both] == [0, 0]
    assert [one.found for one in both] == [40, 40]


def test_each_fifth_is_compared_with_the_other_four() -> None:
    sentences = [sentence("[臺北]")] * 8 + [sentence("臺北", "here")] * 2
    outside, inside = among_themselves(sentences)
    assert (outside.found, outside.differing, outside.first) == (10, 2, "here")
    assert inside.differing == 0


@given(st.lists(st.lists(st.sampled_from(["[臺北]", "[高雄]", "臺北", "高雄", "，"])).map("".join).map(sentence)))
def test_sentences_compared_with_themselves_have_consistent_counts(sentences: list[Sentence]) -> None:
    names = Names(sentences)
    result = left_out(sentences, sentences)
    occurrences = list(names.find(sentences))
    assert result.found == len(occurrences)
    for surface in names.surfaces:
        text = [one.annotated for one in occurrences if one.surface == surface]
        assert len(text) == sum(s.text.count(surface) for s in sentences)
        assert sum(text) * 2 >= len(text)
    assert only_here(sentences, sentences).differing == 0


def test_an_empty_corpus_has_no_differences() -> None:
    assert [one.share for one in among_themselves([])] == [0, 0]
