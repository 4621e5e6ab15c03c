"""Personal data on one set of `assets/pii`: F of the rules by length, false alarms, speed, memory, beside Presidio.

With `--pipeline`, also the recall of persons, addresses and organizations under `mask`, where it matters more than F:
a name that was missed is a name that leaks. The sets `test` and `test2` are for final figures, not for development.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc

from benchmarks.measure import interleaved, machine, table
from benchmarks.presidio_peer import COVERED, SharedRecognizers, has_presidio
from benchmarks.synthetic import ROOT, sentences
from benchmarks.training_memory import read_memory
from spacy_zh_tw_ner.annotation.chunks import find_chunks
from spacy_zh_tw_ner.annotation.job import AnnotationJob, FileMasking
from spacy_zh_tw_ner.annotation.processes import Worker
from spacy_zh_tw_ner.components.crf_component import CRFComponent
from spacy_zh_tw_ner.corpora.formats.markup import read_markup
from spacy_zh_tw_ner.corpora.records import Record
from spacy_zh_tw_ner.entities import Entity
from spacy_zh_tw_ner.evaluation.bootstrap import Scores, summarize
from spacy_zh_tw_ner.evaluation.entity_counts import count_entities
from spacy_zh_tw_ner.evaluation.predictions import ComparedDoc, entity_of
from spacy_zh_tw_ner.masking import MaskingPolicy, mask
from spacy_zh_tw_ner.taiwan import LABELS, scan

SETS = ("dev", "dev2", "dev3", "test", "test2")
LENGTHS = ("short", "middle", "long")
NAMES = ("PERSON", "ADDRESS", "ORG")
# A number or code of five characters or more, with separators
NUMBER = re.compile(r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ](?:[-./#:]?[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]){4,}")
DIGITS = re.compile(r"[0-9０-９]")
GOAL_F, GOAL_ALARMS, GOAL_SPEED, GOAL_RECALL = 97, 2, 1_000_000, 90
FinderT = Callable[[str], Iterable[Entity]]


def read_set(name: str) -> dict[str, list[Record]]:
    """Read the texts of one set, by length."""
    return {length: list(read_markup(ROOT / "assets" / "pii" / name / f"{length}.txt")) for length in LENGTHS}


def rules() -> Language:
    """Make a pipeline of the rules alone."""
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("zh_tw_pii")
    return nlp


def score(
    records: Sequence[Record], find: FinderT, labels: Iterable[str], renamed: Mapping[str, str] | None = None
) -> Scores:
    """Score exact entities of some labels, after labels are renamed in gold and predicted entities."""
    wanted, new = frozenset(labels), renamed or {}

    def compared(entities: Iterable[Entity]) -> frozenset[Entity]:
        every = (entity._replace(label=new.get(entity.label, entity.label)) for entity in entities)
        return frozenset(entity for entity in every if entity.label in wanted)

    documents = [ComparedDoc(record.text, compared(record.entities), compared(find(record.text))) for record in records]
    return summarize(count_entities(documents)).micro


def print_scores(
    by_length: dict[str, list[Record]],
    finders: dict[str, FinderT],
    labels: Sequence[str],
    renamed: Mapping[str, str] | None = None,
) -> None:
    """Print precision, recall and F by length; see `score`."""
    rows: list[tuple[object, ...]] = []
    for length, records in by_length.items():
        for who, find in finders.items():
            p, r, f, gold = score(records, find, labels, renamed)
            low, high = f.to_json()
            shares = (f"{100 * share.value:.2f}" for share in (p, r, f))
            rows.append((length, who, gold, *shares, f"{low:.1f}–{high:.1f}"))
    print(table(rows, ("texts", "found by", "gold", "P", "R", f"F (goal {GOAL_F})", "F, 95 %")), "\n")


def print_labels(records: Sequence[Record], find: FinderT) -> None:
    """Print the scores of each label that has mistakes."""
    scores = {label: score(records, find, [label]) for label in LABELS}
    rows = [
        (label, found.gold, *(f"{100 * share.value:.2f}" for share in found[:3]))
        for label, found in scores.items()
        if found.f.value < 1.0 and found.gold
    ]
    print(table(rows, ("label with mistakes", "gold", "P", "R", "F")), "\n")


def hard_negatives(record: Record) -> Iterator[tuple[int, int]]:
    """Yield the numbers and codes of a text that touch no annotated entity."""
    for match in NUMBER.finditer(record.text):
        start, end = match.span()
        if len(DIGITS.findall(match[0])) >= 4 and not overlaps(start, end, record.entities):
            yield start, end


def overlaps(start: int, end: int, entities: Iterable[Entity]) -> bool:
    """Return whether a place shares characters with an entity."""
    return any(start < entity.end and entity.start < end for entity in entities)


def print_alarms(by_length: dict[str, list[Record]], finders: dict[str, FinderT]) -> None:
    """Print how many numbers that are no personal data, and texts without entities, something was found in."""
    rows: list[tuple[object, ...]] = []
    records = [record for found in by_length.values() for record in found]
    for who, find in finders.items():
        numbers = alarms = empty = alarmed = 0
        for record in records:
            found = list(find(record.text))
            places = list(hard_negatives(record))
            numbers += len(places)
            alarms += sum(overlaps(start, end, found) for start, end in places)
            empty += not record.entities
            alarmed += not record.entities and bool(found)
        rows.append((who, numbers, alarms, f"{100 * alarms / numbers:.2f}", empty, alarmed))
    header = (
        "found by",
        "hard negatives",
        "false alarms",
        f"% (goal ≤ {GOAL_ALARMS})",
        "texts without entities",
        "alarmed",
    )
    print(table(rows, header), "\n")


def print_speed(texts: dict[str, list[str]], rounds: int, peer: FinderT | None) -> None:
    """Print characters a second on one core, in processor time."""
    nlp = rules()
    rows: list[tuple[object, ...]] = []
    for name, found in texts.items():
        runs: dict[str, Callable[[str], object]] = {"scan": scan, "tokenizer": nlp.make_doc, "zh_tw_pii": nlp}
        if peer is not None:
            runs["Presidio"] = peer
        n = sum(map(len, found))
        contestants = {who: run_over(found, run) for who, run in runs.items()}
        seconds = interleaved(contestants, rounds=rounds, at_least=0.3, clock=time.process_time)
        alone = seconds["zh_tw_pii"] - seconds["tokenizer"]
        measured = {"scan": seconds["scan"], "zh_tw_pii": alone, "zh_tw_pii with the tokenizer": seconds["zh_tw_pii"]}
        measured |= {who: s for who, s in seconds.items() if who == "Presidio"}
        rows += [(name, f"{n:,}", who, f"{n / s:,.0f}") for who, s in measured.items()]
    print(table(rows, ("texts", "characters", "what", f"characters/s (goal {GOAL_SPEED:,})")), "\n")


def run_over(texts: list[str], run: Callable[[str], object]) -> Callable[[], object]:
    """Return a function that processes all texts, and keeps nothing."""

    def run_all() -> None:
        for text in texts:
            run(text)

    return run_all


def write_jsonl(path: Path, texts: Sequence[str], mebibytes: float) -> Path:
    """Write texts again and again, a JSON object a line."""
    left = int(mebibytes * 2**20)
    with path.open("w", encoding="utf-8") as file:
        for text in cycle(texts):
            line = json.dumps({"text": text}, ensure_ascii=False) + "\n"
            left -= len(line.encode())
            file.write(line)
            if left <= 0:
                return path
    raise ValueError("no texts")


def work(folder: Path, source: Path, *, masks: bool) -> Callable[[], object]:
    """Return a function that annotates or masks a file in this process, as a worker of the commands does."""
    masking = FileMasking(MaskingPolicy(), folder / "map") if masks else None
    job = AnnotationJob(source, folder / f"{masks}.jsonl", str(folder / "pipeline"), masking=masking)
    job.folder.mkdir(exist_ok=True)
    worker, chunks = Worker(job), find_chunks(job)[0]

    def run() -> None:
        for chunk in chunks:
            worker(chunk)

    return run


def print_mask(folder: Path, texts: Sequence[str], name: str, rounds: int, mebibytes: float) -> None:
    """Print the speed of `mask` beside that of `annotate`."""
    source = write_jsonl(folder / "speed.jsonl", texts, mebibytes)
    contestants = {"annotate": work(folder, source, masks=False), "mask": work(folder, source, masks=True)}
    seconds = interleaved(contestants, rounds=rounds, clock=time.process_time)
    n = sum(len(json.loads(line)["text"]) for line in source.read_text(encoding="utf-8").splitlines())
    base = seconds["annotate"]
    rows: list[tuple[object, ...]] = [(name, who, f"{n / s:,.0f}", f"{s / base:.2f}") for who, s in seconds.items()]
    print(table(rows, ("pipeline", "command", "characters/s", "time, of annotate's")), "\n")


def print_memory(folder: Path, texts: Sequence[str], sizes: Iterable[float]) -> None:
    """Print the peak memory of `mask` over files of several sizes, each in a process of its own."""
    rows: list[tuple[object, ...]] = []
    for size in sizes:
        source = write_jsonl(folder / "memory.jsonl", texts, size)
        command = [sys.executable, "-m", "benchmarks.pii", "--peak-of", str(source)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=ROOT)
        first, last = done.stdout.split()[-2:]
        rows.append((f"{size:g}", first, last))
    print(table(rows, ("MiB of JSON lines", "peak MiB after the first chunk", "at the end")), "\n")


def peak_of(source: Path) -> None:
    """In a process of its own: mask a file, and print the peaks of resident memory in MiB."""
    job_masking = FileMasking(MaskingPolicy(), source.with_name("memory.map"))
    job = AnnotationJob(
        source, source.with_name("memory.out.jsonl"), str(source.with_name("pipeline")), masking=job_masking
    )
    job.folder.mkdir(exist_ok=True)
    worker, peaks = Worker(job), []
    for chunk in find_chunks(job)[0]:
        worker(chunk)
        peaks.append(read_memory("VmHWM"))
    print(f"{peaks[0]:.0f} {peaks[-1]:.0f}")


def load(pipeline: str, min_score: float) -> Language:
    """Load a pipeline with a recall-first threshold, and the rules after its recognizers."""
    nlp = spacy.load(pipeline)
    for _, component in nlp.pipeline:
        if isinstance(component, CRFComponent):
            component.min_score = min_score
    if "zh_tw_pii" not in {nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}:
        nlp.add_pipe("zh_tw_pii", last=True, config={"names": True})
    return nlp


def masked_characters(doc: Doc) -> set[int]:
    """Return the characters that are gone when all entities of a document are replaced, and white space."""
    places = mask(doc, MaskingPolicy(default="replace")).replacements
    replaced = {index for place in places for index in range(place.start, place.end)}
    return replaced | {index for index, char in enumerate(doc.text) if char.isspace()}


def print_recall(by_length: dict[str, list[Record]], nlp: Language, name: str) -> None:
    """Print how many names `mask` hides completely, and how many the recognizer finds exactly."""
    rows: list[tuple[object, ...]] = []
    for length, records in by_length.items():
        golds, hidden, exact = Counter[str](), Counter[str](), Counter[str]()
        for record in records:
            doc = nlp(record.text)
            gone, found = masked_characters(doc), set(map(entity_of, doc.ents))
            for entity in record.entities:
                golds[entity.label] += 1
                hidden[entity.label] += gone.issuperset(range(entity.start, entity.end))
                exact[entity.label] += entity in found
        for label in NAMES:
            n = golds[label]
            rows.append((name, length, label, n, f"{100 * hidden[label] / n:.1f}", f"{100 * exact[label] / n:.1f}"))
    header = ("pipeline, threshold", "texts", "label", "gold", f"% masked (goal {GOAL_RECALL})", "% found exactly")
    print(table(rows, header), "\n")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS, default="dev", help="test and test2 are for final figures")
    parser.add_argument("--pipeline", help="folder or package whose recall is measured; the rules are added")
    parser.add_argument("--min-score", type=float, default=0.1, help="threshold of its recognizers")
    parser.add_argument("--size", type=float, default=4, help="MiB of the larger file of the memory table")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=("scores", "speed", "memory", "recall"), help="tables")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peak_of:
        peak_of(arguments.peak_of)
        return
    print(machine(), "\n")
    tables = arguments.only or ("scores", "speed", "memory", "recall")
    by_length, nlp = read_set(arguments.set), rules()
    texts = [record.text for records in by_length.values() for record in records]
    peer = SharedRecognizers() if has_presidio() else None
    if "scores" in tables:
        ours: dict[str, FinderT] = {"zh_tw_pii": lambda text: map(entity_of, nlp(text).ents)}
        finders = ours if peer is None else ours | {"Presidio": peer}
        print_scores(by_length, ours, LABELS)
        print_labels([record for records in by_length.values() for record in records], ours["zh_tw_pii"])
        print(f"Labels that Presidio's generic recognizers cover: {', '.join(COVERED)}; BIRTHDAY counts as DATE\n")
        print_scores(by_length, finders, COVERED, {"BIRTHDAY": "DATE"})
        print_alarms(by_length, finders)
    if "speed" in tables:
        print_speed({f"assets/pii, {arguments.set}": texts, "assets/taiwan": list(sentences())}, arguments.rounds, peer)
    with TemporaryDirectory() as name:
        folder = Path(name)
        pipelines = {"zh_tw_pii alone": nlp}
        if arguments.pipeline:
            chosen = Path(arguments.pipeline).name
            pipelines[chosen] = load(arguments.pipeline, arguments.min_score)
        for who, pipeline in pipelines.items() if "speed" in tables else ():
            pipeline.to_disk(folder / "pipeline")
            print_mask(folder, texts, who, arguments.rounds, 1 if who == "zh_tw_pii alone" else 0.1)
        if "memory" in tables:
            nlp.to_disk(folder / "pipeline")
            print_memory(folder, texts, (1, arguments.size))
        if "recall" in tables and arguments.pipeline:
            print_recall(by_length, pipelines[chosen], f"{chosen}, {arguments.min_score:g}")


if __name__ == "__main__":
    main()
