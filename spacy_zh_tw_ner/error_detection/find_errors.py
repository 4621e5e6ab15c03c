"""Read a corpus, judge its annotations with pipelines, rank its sentences by suspicion, and write the report."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from spacy.language import Language

from ..components.inspection import find_recognizer
from ..corpora.export import read_gold, write_corpus
from ..corpora.records import NotifyT, Reading, Record, ignore
from ..corpora.splits import data_files, locate, splits_in
from ..entities import Entity
from ..errors import CorpusError, Errors, PipelineMismatchError
from .planted_errors import WAYS, PlantedError, plant_errors
from .ranking import error_probabilities, sentence_scores
from .report import ErrorReport, make_report
from .sites import Judgement, Site, count_names, judge
from .suspects_page import render_suspects

JSON, PAGE = "errors.json", "errors.html"
EXPORTS = {"label-studio": "label-studio.json", "doccano": "doccano.jsonl"}  # format → file
ROUNDS = 5  # copies of the corpus in which errors are planted
SHARE = 0.05  # planted errors per entity in each copy
PLANTING_SEED = 1_000_000  # far from the seeds of folds and of benchmarks


def read_corpus(source: Path, notify: NotifyT = ignore) -> list[Record]:
    """Read all splits of a corpus.

    source (Path): A file in a format that `convert` reads, or a folder of such files. If the folder has files with the
        names of splits (train, dev, test), only these are read.
    notify (Callable[[str], object]): Receives messages of the readers.
    RETURNS (list[Record]): The sentences that are not empty.
    RAISES (CorpusError): If a file cannot be read, an annotation is rejected, or there is no sentence.
    """
    source = locate(source)
    if not source.exists():
        raise CorpusError(Errors.ZT202.format(path=source, remedy="Check the path."))
    splits = splits_in(source) if source.is_dir() else {}
    files = [file for found in splits.values() for file in found] or data_files(source)
    records = [one.record for file in files for one in read_gold(file, Reading(notify=notify))]
    records = [record for record in records if record.text.strip()]
    if not records:
        raise CorpusError(Errors.ZT203.format(path=source))
    return records


def require_known_labels(nlp: Language, records: Sequence[Record], name: str, corpus: Path) -> str | None:
    """Check that a pipeline has the labels of the corpus that it will judge.

    nlp (Language): The pipeline.
    records (Sequence[Record]): The sentences of the corpus.
    name (str), corpus (Path): Name of the pipeline and path of the corpus, for messages.
    RETURNS (Optional[str]): A warning that lists the labels that the pipeline lacks; None if it has all labels.
    RAISES (PipelineMismatchError): If the pipeline lacks all labels of the corpus.
    """
    known = find_recognizer(nlp).labels
    labels = Counter(entity.label for record in records for entity in record.entities)
    unknown = [f"{label} ({n:,})" for label, n in labels.most_common() if label not in known]
    if unknown and len(unknown) == len(labels):
        listed = ", ".join(known) or "none"
        raise PipelineMismatchError(
            Errors.ZT761.format(name=name, path=corpus, known=listed, labels=", ".join(unknown))
        )
    return str(Errors.ZT762.format(name=name, path=corpus, labels=", ".join(unknown))) if unknown else None


def find_errors(
    records: Sequence[Record],
    judges: Iterable[tuple[Language, Sequence[int]]],
    *,
    ways: Sequence[str] = WAYS,
    notify: NotifyT = ignore,
) -> ErrorReport:
    """Rank the sentences of a corpus by suspicion: the probability that the annotation is wrong, times its cost.

    The cost of the annotation is −log p(annotation) under the CRF of the pipeline that judges the sentence.

    records (Sequence[Record]): The corpus; no text is empty.
    judges (Iterable[tuple[Language, Sequence[int]]]): Pipelines, each with the indices of the sentences that it judges,
        on which it must not have been trained. Every sentence has one judge. `FoldPipelines.pipelines` yields these.
    ways (Sequence[str]): Kinds of errors to plant in copies of the corpus, from `planted_errors.WAYS`. The ranking is
        fitted on these errors.
    notify (Callable[[str], object]): Receives a message per pipeline.
    RETURNS (ErrorReport): The sentences, the most suspicious first.
    """
    planted: dict[int, list[PlantedError]] = defaultdict(list)
    for number in range(ROUNDS):
        for error in plant_errors(records, SHARE, PLANTING_SEED + number, ways)[1]:
            planted[error.sentence].append(error)
    names = count_names(records)
    judgements: dict[int, Judgement] = {}
    sites: list[Site] = []
    wrong: list[Site] = []
    for nlp, indices in judges:
        own = {place: planted[index] for place, index in enumerate(indices) if index in planted}
        found, found_wrong = judge(nlp, [records[index] for index in indices], names, own)
        wrong += [site._replace(sentence=indices[site.sentence]) for site in found_wrong]
        for index, judgement in zip(indices, found, strict=True):
            judgements[index] = judgement
            sites += [site._replace(sentence=index) for site in judgement.sites]
        notify(f"Judged {len(judgements):,} of {len(records):,} sentences")
    probabilities = error_probabilities(sites, wrong, ROUNDS)
    by_sentence: list[dict[Entity, float]] = [{} for _ in records]
    for site, p in zip(sites, probabilities.tolist(), strict=True):
        by_sentence[site.sentence][site.entity] = p
    scores = sentence_scores(sites, probabilities, len(records)).tolist()
    return make_report(records, [judgements[i] for i in range(len(records))], scores, by_sentence)


def write_report(folder: Path, report: ErrorReport, *, title: str, header: dict[str, object], most: int = 0) -> None:
    """Write the report and its sentences to four files.

    `errors.json` and `errors.html` are the report. `label-studio.json` and `doccano.jsonl` have the sentences with
    their gold entities, to be corrected in Label Studio or doccano.

    folder (Path): An empty folder, in which the files are created.
    report (ErrorReport): The report.
    title (str): Title of the HTML page.
    header (dict[str, object]): Settings to write at the start of `errors.json`.
    most (int): Number of sentences in the files for Label Studio and doccano, the most suspicious first; 0 for all.
        Each gold entity in them has a score, the probability that it is right.
    """
    data = json.dumps({**header, **report.to_json()}, ensure_ascii=False, indent=1)
    (folder / JSON).write_text(data, encoding="utf-8")
    (folder / PAGE).write_text(render_suspects(report, title=title), encoding="utf-8")
    chosen = report.sentences[: most or None]
    for format, name in EXPORTS.items():
        write_corpus(((one.record, list(one.gold_scores)) for one in chosen), folder / name, format, model=None)
