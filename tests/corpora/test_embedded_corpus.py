"""Size, splits and variety of the corpus in assets/taiwan."""

import re
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from unicodedata import normalize

import pytest

from spacy_zh_tw_ner.corpora.annotation_checks import Tally, check_record
from spacy_zh_tw_ner.corpora.formats.markup import read_markup
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.text_files import numbered_lines
from tests.annotated_docs import write_markup

FOLDER = Path(__file__).parents[2] / "assets" / "taiwan"
SPLITS = ("train", "dev", "test")
LABELS = set(
    "PERSON NORP FAC ORG GPE LOC PRODUCT EVENT WORK_OF_ART LAW LANGUAGE DATE TIME PERCENT MONEY QUANTITY ORDINAL "
    "CARDINAL".split()
)
GENRES = set(
    "news government law courts health finance technology sports travel culture history everyday forum "
    "addresses".split()
)
N_GRAM = 4
HEADING = 3  # characters outside of entities; shorter sentences may repeat


@pytest.fixture(scope="module")
def records() -> dict[str, list[Record]]:
    return {
        split: [r for path in sorted((FOLDER / split).glob("*.txt")) for r in read_markup(path)] for split in SPLITS
    }


@pytest.fixture(scope="module")
def everything(records: dict[str, list[Record]]) -> list[Record]:
    return [record for split in SPLITS for record in records[split]]


def grams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + N_GRAM] for i in range(max(1, len(text) - N_GRAM + 1)))


def plain(record: Record) -> str:
    """Return the text of a sentence without differences of width, 臺/台 and white space."""
    return "".join(normalize("NFKC", record.text).replace("臺", "台").split())


def test_the_readme_has_the_right_size(records: dict[str, list[Record]], everything: list[Record]) -> None:
    documents = {split: len({record.doc_id for record in records[split]}) for split in SPLITS}
    assert len(everything) >= 1500
    assert sum(documents.values()) >= 150
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"{len(everything):,} sentences in {sum(documents.values())} short documents" in readme
    assert f"{documents['train']}, {documents['dev']} and {documents['test']} documents" in readme
    assert "demonstration" in readme
    assert "CC0" in readme


def test_no_document_is_in_two_splits(records: dict[str, list[Record]]) -> None:
    ids = {split: {record.doc_id for record in records[split]} for split in SPLITS}
    assert "" not in set().union(*ids.values())
    for one, other in combinations(SPLITS, 2):
        assert ids[one] & ids[other] == set()


def test_each_document_has_one_header() -> None:
    headers = Counter(
        line for path in FOLDER.glob("*/*.txt") for _, line in numbered_lines(path) if line.startswith("#")
    )
    assert max(headers.values()) == 1


def test_train_has_all_labels_and_no_split_has_others(records: dict[str, list[Record]]) -> None:
    found = {split: Counter(e.label for record in records[split] for e in record.entities) for split in SPLITS}
    assert set(found["train"]) == LABELS
    assert set(found["dev"]) | set(found["test"]) <= LABELS
    assert min(found["train"].values()) >= 10


def test_every_genre_is_in_every_split() -> None:
    for split in SPLITS:
        assert {path.stem for path in (FOLDER / split).iterdir()} == GENRES


def test_documents_are_named_by_genre(everything: list[Record]) -> None:
    for record in everything:
        assert record.doc_id.startswith(Path(record.origin.rpartition(":")[0]).stem + "-")


def test_no_sentence_occurs_twice(everything: list[Record]) -> None:
    counts = Counter(plain(record) for record in everything)
    assert [text for text, n in counts.items() if n > 1] == []


def test_no_two_sentences_share_a_template(everything: list[Record]) -> None:
    """A template is a sentence whose entities are replaced by labels; headings (「…公告」) may share one."""
    frames: dict[str, list[str]] = defaultdict(list)
    for record in everything:
        parts, position = [], 0
        for start, end, label in record.entities:
            parts += [record.text[position:start], f"[{label}]"]
            position = end
        frame = "".join([*parts, record.text[position:]])
        n_words = sum(map(str.isalnum, record.text)) - sum(end - start for start, end, _ in record.entities)
        if n_words > HEADING:
            frames[frame].append(record.origin)
    assert [found for found in frames.values() if len(found) > 1] == []


def test_no_sentence_is_nearly_repeated_across_splits(records: dict[str, list[Record]]) -> None:
    index: dict[str, list[int]] = defaultdict(list)
    train = [grams(plain(record)) for record in records["train"]]
    for i, gram_set in enumerate(train):
        for gram in gram_set:
            index[gram].append(i)
    dev = [grams(plain(record)) for record in records["dev"]]
    test = [grams(plain(record)) for record in records["test"]]
    near = [(a, b) for a in dev for b in test if _jaccard(a, b) > 0.5]
    for gram_set in [*dev, *test]:
        rivals = Counter(i for gram in gram_set for i in index[gram])
        near += [(gram_set, train[i]) for i in rivals if _jaccard(gram_set, train[i]) > 0.5]
    assert near == []


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b)


@pytest.mark.parametrize(
    ("what", "pattern", "at_least"),
    [
        ("臺", "臺", 20),
        ("台", "台", 20),
        ("臺灣 and 台灣", "臺灣|台灣", 10),
        ("full-width digits", "[０-９]", 10),
        ("half-width digits", "[0-9]", 100),
        ("full-width letters", "[Ａ-Ｚａ-ｚ]", 1),
        ("民國 dates", r"民國\s*[0-9０-９一二三四五六七八九十百零〇]+\s*年", 10),
        ("NT$ amounts", r"NT\$\s*[0-9０-９,]+", 3),
        ("Latin names", "[A-Za-z]{3,}", 50),
        ("street addresses", "[路街](?:[一二三四五六七八九十]段)?(?:[0-9０-９]+巷)?[0-9０-９]+[號号]", 10),
    ],
)
def test_it_has_the_variety_of_taiwanese_text(
    what: str, pattern: str, at_least: int, everything: list[Record], records: dict[str, list[Record]]
) -> None:
    assert sum(bool(re.search(pattern, _unspaced(record.text))) for record in everything) >= at_least
    assert any(re.search(pattern, _unspaced(record.text)) for record in records["train"])


def _unspaced(text: str) -> str:
    return text.replace(" ", "")


def test_every_annotation_is_valid(everything: list[Record]) -> None:
    tally = Tally()
    for record in everything:
        assert check_record(record, tally).entities == record.entities
    assert (tally.repaired, tally.rejects) == (0, [])


def test_every_line_is_unchanged_when_parsed_and_written_again() -> None:
    paths = list(FOLDER.glob("*/*.txt"))
    assert paths
    for path in paths:
        lines = dict(numbered_lines(path))
        for record in read_markup(path):
            assert write_markup(record.text, record.entities) == lines[int(record.origin.rpartition(":")[2])]


def test_it_has_no_simplified_characters(everything: list[Record]) -> None:
    simplified = set("国发说们这个会来时对为开关门东车书见觉认让请还进过经济银医药术电脑")
    simplified -= set("个")  # also a variant of 個 in old documents
    assert [r.origin for r in everything if simplified & set(r.text)] == []


def test_the_guidelines_describe_every_label() -> None:
    guidelines = (FOLDER / "GUIDELINES.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z_]+) \|", guidelines, re.MULTILINE)
    assert set(rows) == LABELS
