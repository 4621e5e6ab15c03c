"""Label maps: score pipelines on corpora of other projects, whose labels have other names.

label of the corpus ──[corpus]──▶ label to compare ◀──[pipeline]── label of the pipeline
private_phone                     PHONE                           PHONE
account_number                    ACCOUNT                         BANK_ACCOUNT, CREDIT_CARD
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..components.span_annotations import SPANS_KEY, read_scores, write_scores
from ..corpora.annotation_checks import Tally
from ..corpora.convert import ConvertSettings, read_records
from ..corpora.records import Reading, Record
from ..entities import Entity, Prediction
from ..errors import CorpusError, Errors, UsageError
from ..extras import read_toml
from ..tokenization.char_tokenizer import CharTokenizer

TABLES = ("corpus", "pipeline")


@dataclass(frozen=True)
class LabelMap:
    """Labels of a corpus and of pipelines, and the labels by which they are compared.

    corpus (Mapping[str, str]): Label of the corpus → label to compare. Gold entities whose label is not a key are
        ignored: they are not counted as missed, and predictions that overlap them are not counted as wrong.
    pipeline (Mapping[str, str]): Label of the pipeline → label to compare. A label that is not a key is compared under
        its own name. Predictions are ignored if their label to compare is not a value of `corpus`.
    """

    corpus: Mapping[str, str]
    pipeline: Mapping[str, str] = field(default_factory=dict)

    def of_prediction(self, label: str) -> str | None:
        """Convert a label of a pipeline to the label to compare; return None if the corpus has no such label."""
        compared = self.pipeline.get(label, label)
        return compared if compared in self.corpus.values() else None

    def relabel(self, predicted: Doc) -> Doc:
        """Replace the labels of a predicted document by the labels to compare, in place; return the document.

        `doc.ents` is changed, and `doc.spans["ner"]`, which has the scores, if present. The scores are kept. Entities
        whose label to compare is not a value of `corpus` are removed.
        """
        scores = read_scores(predicted)
        found: dict[Entity, float | None] = {}
        for ent in predicted.ents:
            label = self.of_prediction(ent.label_)
            if label is not None:
                found[Entity(ent.start, ent.end, label)] = scores.get(Entity(ent.start, ent.end, ent.label_))
        predicted.ents = [Span(predicted, start, end, label=label) for start, end, label in found]
        if SPANS_KEY in predicted.spans:
            scored = {entity: score for entity, score in found.items() if score is not None}
            write_scores(predicted, Prediction(tuple(scored), tuple(scored.values())))
        return predicted

    def report(self, labels: Iterable[str]) -> list[str]:
        """Describe the labels that cannot be compared because only the pipeline, or only the corpus, has them.

        labels (Iterable[str]): All labels of the pipeline.
        RETURNS (list[str]): At most two sentences: one names the labels of the pipeline without a label to compare in
            the corpus, and one the labels to compare that the pipeline does not have.
        """
        found = sorted(labels)
        others = [label for label in found if self.of_prediction(label) is None]
        missing = sorted(set(self.corpus.values()).difference(map(self.of_prediction, found)))
        sentences = []
        if others:
            sentences.append(f"Labels outside of the map, whose entities do not count: {', '.join(others)}.")
        if missing:
            sentences.append(f"Labels of the map that the pipeline does not have: {', '.join(missing)}.")
        return sentences


def read_label_map(path: Path) -> LabelMap:
    """Read a label map: a TOML file with the tables `corpus` and, optionally, `pipeline`.

    RAISES (UsageError): If the file is not valid TOML, has a table of another name, has a value that is no label, or
        has no labels in `corpus`.
    RAISES (OSError): If the file is missing.
    """
    tables = read_toml(path, Errors.ZT733)
    for name, table in tables.items():
        labels = [*table, *table.values()] if isinstance(table, dict) else [None]
        if name not in TABLES or not all(isinstance(label, str) and label for label in labels):
            raise UsageError(Errors.ZT734.format(path=path, name=name[:80]))
    if not tables.get("corpus"):
        raise UsageError(Errors.ZT733.format(path=path, reason="it has no labels in [corpus]"))
    return LabelMap(**tables)


def read_mapped_golds(
    nlp: Language, corpus: Path, label_map: LabelMap, notify: Callable[[str], object] = print
) -> list[Doc]:
    """Read the gold documents of a corpus in any format that `convert` reads, with the labels to compare.

    nlp (Language): The pipeline whose vocabulary the documents get.
    corpus (Path): The file.
    label_map (LabelMap): The map that converts the labels. The characters of entities whose label is not a key of its
        `corpus` become unannotated text.
    notify (Callable[[str], object]): Called with messages: the labels that are not in the map, and the number of
        rejected annotations.
    RETURNS (list[Doc]): One document for each text that is not empty.
    RAISES (CorpusError): If the file cannot be read, or no entity has a label of the map.
    """
    tally = Tally()
    tokenize = CharTokenizer(nlp.vocab)
    records = read_records([corpus], ConvertSettings(script="none"), tally, reading=Reading(notify=notify))
    unknown: Counter[str] = Counter()
    golds = [_gold(tokenize, record, label_map, unknown) for record in records if record.text]
    if tally.rejected:
        # Left-out regions, such as those of images, are listed as well and are no annotations.
        first = next(reject for reject in tally.rejects if reject.get("is_annotation", True))
        notify(
            f"{corpus}: {tally.rejected:,} annotations cannot be used; the first: {first['origin']}: {first['reason']}."
        )
    if unknown:
        listed = ", ".join(f"{label} ({n:,})" for label, n in unknown.most_common())
        notify(f"{corpus}: entities with labels outside of the map do not count: {listed}.")
    if not any(doc.ents for doc in golds):
        raise CorpusError(Errors.ZT735.format(path=corpus, labels=", ".join(label_map.corpus)))
    return golds


def _gold(tokenize: CharTokenizer, record: Record, label_map: LabelMap, unknown: Counter[str]) -> Doc:
    """Convert a record to a gold document with the labels to compare.

    Entities whose label is not in the map become unannotated text, and are counted by label in `unknown`.
    """
    doc = tokenize(record.text)
    ents: list[Span] = []
    missing: list[Span] = []
    for start, end, label in record.entities:
        compared = label_map.corpus.get(label)
        span = doc.char_span(start, end, label=compared or label, alignment_mode="expand")
        if span is not None:
            (missing if compared is None else ents).append(span)
        if compared is None:
            unknown[label] += 1
    doc.set_ents(ents, missing=missing, default="outside")
    return doc
