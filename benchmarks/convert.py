"""Measure sentences per second and memory of `zh-tw-ner convert` and `spacy convert` on the same IOB file."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.measure import interleaved, machine, table
from spacy_zh_tw_ner.corpora.annotation_checks import Tally
from spacy_zh_tw_ner.corpora.convert import ConvertSettings, convert, read_records
from spacy_zh_tw_ner.corpora.formats.columns import write_columns

GOAL = 5
LARGE = (1_000_000, 4_000_000)  # characters


def write_iob(path: Path, n_characters: int) -> int:
    """Write the bundled corpus repeatedly as IOB2, and return the number of sentences."""
    sources = sorted(Path("assets/taiwan").glob("*/*.txt"))
    records = list(read_records(sources, ConvertSettings(script="none"), Tally()))
    # spaCy's converter would read comments as tokens.
    rows = ["".join(write_columns(record, "bio").splitlines(keepends=True)[1:]) for record in records]
    n_sentences = 0
    with path.open("w", encoding="utf-8") as file:
        while n_characters > 0:
            file.writelines(rows)
            n_characters -= sum(len(record.text) for record in records)
            n_sentences += len(records)
    return n_sentences


def ours(source: Path, folder: Path) -> Callable[[], object]:
    """Return a function that runs `convert` without conversion of scripts, which spaCy does not have either."""
    settings = ConvertSettings(script="none")
    return lambda: convert(source, folder / "ours.spacy", settings, force=True, notify=lambda message: None)


def theirs(source: Path, folder: Path) -> Callable[[], object]:
    """Return a function that runs spaCy's converter with one sentence per document."""
    from spacy.cli.convert import convert as spacy_convert

    return lambda: spacy_convert(source, folder, file_type="spacy", converter="ner", n_sents=1)


CONTESTANTS = {"spacy convert": theirs, "zh-tw-ner convert": ours}


def peak_of(name: str, source: Path) -> None:
    """Print by how many MiB a conversion raises the peak of the resident memory; for a separate process."""
    run = CONTESTANTS[name](source, source.parent)
    small = source.with_name("small.iob")
    write_iob(small, 1)
    CONTESTANTS[name](small, source.parent)()  # import everything first: imports do not count
    before = _peak()
    run()
    print((_peak() - before) / 1024)


def _peak() -> int:
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peak-of", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peak_of:
        peak_of(arguments.peak_of[0], Path(arguments.peak_of[1]))
        return
    print(machine())
    with TemporaryDirectory() as name:
        folder = Path(name)
        n_sentences = write_iob(folder / "corpus.iob", 1)
        contestants = {who: make(folder / "corpus.iob", folder) for who, make in CONTESTANTS.items()}
        seconds = interleaved(contestants, rounds=arguments.rounds)
        base = seconds["spacy convert"]
        rows = [(who, f"{n_sentences / s:,.0f}", f"{base / s:.1f}") for who, s in seconds.items()]
        print(table(rows, header=("converter", "sentences/s", f"ratio (goal {GOAL})")))
        print()
        peaks: list[tuple[object, ...]] = []
        for n in LARGE:
            write_iob(folder / "large.iob", n)
            size = (folder / "large.iob").stat().st_size / 2**20
            for who in CONTESTANTS:
                command = [sys.executable, "-m", "benchmarks.convert", "--peak-of", who, str(folder / "large.iob")]
                environment = {**os.environ, "OMP_NUM_THREADS": "1"}
                done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
                peaks.append((f"{n:,}", f"{size:.0f}", who, f"{float(done.stdout.split()[-1]):.0f}"))
        print(table(peaks, header=("characters", "MiB of IOB", "converter", "peak MiB of memory")))


if __name__ == "__main__":
    main()
