"""Size, labels and separation of the evaluation sets in assets/pii."""

import re
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from types import ModuleType
from unicodedata import normalize

import pytest

from spacy_zh_tw_ner.corpora.annotation_checks import Tally, check_record
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert
from spacy_zh_tw_ner.corpora.formats.markup import read_markup
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.corpora.text_files import numbered_lines
from tests.annotated_docs import write_markup

FOLDER = Path(__file__).parents[2] / "assets" / "pii"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
DEVELOPMENT = ("dev", "dev2", "dev3")
FINAL = ("test", "test2")
SETS = DEVELOPMENT + FINAL
LENGTHS = {"short": range(10, 151), "middle": range(300, 1001), "long": range(1500, 5001)}
FILES = [(name, length) for name in SETS for length in LENGTHS]
LABELS = set(
    "NATIONAL_ID RESIDENT_ID COMPANY_ID NHI_CARD PASSPORT DRIVER_LICENSE MEDICAL_LICENSE MILITARY_ID HOUSEHOLD_ID "
    "PHONE LICENSE_PLATE BANK_ACCOUNT CREDIT_CARD EMAIL URL IP LINE_ID PTT_ID SOCIAL SECRET ADDRESS BIRTHDAY DATE "
    "PERSON ORG".split()
)
N_GRAM = 4


@pytest.fixture(scope="module")
def records() -> dict[tuple[str, str], list[Record]]:
    return {(name, length): list(read_markup(FOLDER / name / f"{length}.txt")) for name, length in FILES}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = spec_from_file_location("fill_numbers", FOLDER / "fill_numbers.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def everything(records: dict[tuple[str, str], list[Record]]) -> list[Record]:
    return [record for found in records.values() for record in found]


def plain(record: Record) -> str:
    """Return a text without differences of width, 臺/台, numbers and white space."""
    return re.sub(r"[0-9\s]+", "", normalize("NFKC", record.text).replace("臺", "台"))


@pytest.mark.parametrize(("name", "length"), FILES)
def test_every_file_converts_without_rejects(name: str, length: str, tmp_path: Path) -> None:
    convert(FOLDER / name / f"{length}.txt", tmp_path / "set.spacy", ConvertSettings())
    assert (tmp_path / "set.spacy").is_file()
    assert not list(tmp_path.glob("*rejects*"))


def test_every_annotation_is_valid(records: dict[tuple[str, str], list[Record]]) -> None:
    tally = Tally()
    for record in everything(records):
        assert check_record(record, tally).entities == record.entities
    assert (tally.repaired, tally.rejects) == (0, [])


def test_texts_have_the_length_that_their_file_names(records: dict[tuple[str, str], list[Record]]) -> None:
    wrong = [
        (record.doc_id, len(record.text))
        for (_, length), found in records.items()
        for record in found
        if len(record.text) not in LENGTHS[length]
    ]
    assert wrong == []


def test_the_readme_has_the_right_size(records: dict[tuple[str, str], list[Record]]) -> None:
    for length in LENGTHS:
        found = [records[name, length] for name in SETS]
        n_characters = sum(len(record.text) for part in found for record in part)
        assert f"| {length} | {' | '.join(str(len(part)) for part in found)} | {n_characters:,} |" in README
    totals = {length: sum(len(records[name, length]) for name in SETS) for length in LENGTHS}
    assert totals["short"] >= 200
    assert totals["middle"] >= 30
    assert totals["long"] >= 6


def test_the_readme_has_the_right_number_of_entities(records: dict[tuple[str, str], list[Record]]) -> None:
    counts = {key: Counter(e.label for record in found for e in record.entities) for key, found in records.items()}
    assert set().union(*counts.values()) == LABELS
    for label in LABELS:
        numbers = " | ".join(str(counts[key][label]) for key in FILES)
        assert f"| {label} | {numbers} |" in README
    for name in SETS:
        assert min(sum(counts[name, length][label] for length in LENGTHS) for label in LABELS) >= 3


def test_the_readme_describes_every_label() -> None:
    described = README.split("## What is annotated")[1].split("## Hard negatives")[0]
    assert {label for label in LABELS if re.search(rf"\b{label}\b", described)} == LABELS
    mapped = README.split("## Labels of a public benchmark")[1]
    assert {label for label in LABELS if re.search(rf"^\|[^|]*\b{label}\b[^|]*\|", mapped, re.MULTILINE)} == LABELS


def test_each_document_has_its_own_id(records: dict[tuple[str, str], list[Record]]) -> None:
    for (name, length), found in records.items():
        assert [record.doc_id for record in found] == [f"{length}-{name}-{i:03}" for i in range(1, len(found) + 1)]


def test_no_text_occurs_twice_or_nearly_equal_in_a_final_set(records: dict[tuple[str, str], list[Record]]) -> None:
    grams = {
        name: [
            (record.doc_id, frozenset(text[i : i + N_GRAM] for i in range(max(1, len(text) - N_GRAM + 1))))
            for length in LENGTHS
            for record in records[name, length]
            for text in [plain(record)]
        ]
        for name in SETS
    }
    assert max(Counter(plain(record) for found in records.values() for record in found).values()) == 1
    pairs = [*product(DEVELOPMENT, FINAL), FINAL]
    near = [
        (a, b)
        for one, other in pairs
        for (a, x), (b, y) in product(grams[one], grams[other])
        if len(x & y) > 0.4 * len(x | y)
    ]
    assert near == []


def test_full_names_are_not_shared_by_sets(records: dict[tuple[str, str], list[Record]]) -> None:
    names = {
        name: {
            record.text[start:end]
            for length in LENGTHS
            for record in records[name, length]
            for start, end, label in record.entities
            if label == "PERSON" and end - start >= 3
        }
        for name in SETS
    }
    assert names["dev"] & names["test"] == set()
    assert names["test2"] & set().union(*(names[name] for name in SETS if name != "test2")) == set()


def test_the_templates_generate_the_files(generator: ModuleType) -> None:
    for name, length in FILES:
        written = (FOLDER / name / f"{length}.txt").read_text(encoding="utf-8")
        assert generator.documents(name, length) == written


def test_every_line_is_unchanged_when_parsed_and_written_again() -> None:
    for name, length in FILES:
        path = FOLDER / name / f"{length}.txt"
        lines = dict(numbered_lines(path))
        for record in read_markup(path):
            assert write_markup(record.text, record.entities) == lines[int(record.origin.rpartition(":")[2])]


def test_no_placeholder_is_left(records: dict[tuple[str, str], list[Record]]) -> None:
    assert [r.doc_id for r in everything(records) if re.search(r"\{!?[A-Z0-9_]+[:}@]|\]\(", r.text)] == []


@pytest.mark.parametrize(
    "number", ["A123456789", "K101000040", "P221000050", "A800000014", "AA00000009"], ids=lambda n: n
)
def test_national_ids_have_valid_check_digits(number: str, generator: ModuleType) -> None:
    assert generator.identity_check_digit(number[:-1]) == number[-1]


def test_company_numbers_and_cards_have_valid_check_digits(generator: ModuleType) -> None:
    assert all(map(generator.is_company_id, ["04595257", "00501503", "00501508", "00000074"]))
    assert not generator.is_company_id("00501502")
    assert generator.luhn_check_digit("411111111111111") == "1"


def test_annotated_numbers_have_valid_check_digits(
    records: dict[tuple[str, str], list[Record]], generator: ModuleType
) -> None:
    for record in everything(records):
        for start, end, label in record.entities:
            number = re.sub(r"[\s-]", "", normalize("NFKC", record.text[start:end])).upper()
            if label in {"NATIONAL_ID", "RESIDENT_ID"}:
                assert generator.identity_check_digit(number[:-1]) == number[-1], (record.doc_id, number)
            elif label == "COMPANY_ID":
                assert generator.is_company_id(number), (record.doc_id, number)
            elif label == "CREDIT_CARD":
                assert generator.luhn_check_digit(number[:-1]) == number[-1], (record.doc_id, number)


def test_it_has_no_simplified_characters(records: dict[tuple[str, str], list[Record]]) -> None:
    simplified = set("国发说们这会来时对为开关门东车书见觉认让请还进过经济银医药术电脑")
    assert [r.doc_id for r in everything(records) if simplified & set(r.text)] == []


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 1_000_000
