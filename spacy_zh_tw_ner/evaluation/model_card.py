"""Write the model card of a pipeline: labels, corpus, licence, scores by label, calibration, limits, citation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import CorpusError, Errors
from ..untrusted import parse_json, reading, require, require_type

DESCRIPTION = "Traditional Chinese (Taiwan) named entity recognition"
MAX_METRICS = 2**24  # bytes; `evaluate --output` writes smaller files
LIMITS = """\
* Scores hold for text like the test split. Other genres, spellings and labels score lower.
* A score is the probability of an entity on data like those of calibration, not a guarantee.
* Entities do not overlap, and the pipeline does not link them to a knowledge base.
"""


@dataclass(frozen=True)
class CardDetails:
    """Facts for a model card that are not in the files of the pipeline.

    name (str): Name under which the pipeline is installed, such as "zh_tw_ner".
    corpus (str): Name of the training corpus.
    corpus_license (str): Licence of the training corpus; empty if unknown.
    license (str): Licence of the pipeline; empty if unknown.
    """

    name: str
    corpus: str = ""
    corpus_license: str = ""
    license: str = ""


def read_metrics(path: Path) -> dict[str, Any]:
    """Read and check a file of scores that `evaluate --output` has written.

    path (Path): The JSON file.
    RETURNS (dict[str, Any]): The content of the file, which is the result of `EvaluationReport.to_json`.
    RAISES (CorpusError): If the file is missing, or was not written by `evaluate`.
    """
    content = path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_METRICS else b""
    try:
        metrics = parse_json(content)
        _row("", metrics["micro"])
        for label, scores in metrics["per_type"].items():
            _row(label, scores)
        if metrics["calibration"] is not None:  # null if no entity was predicted
            float(metrics["calibration"]["expected_calibration_error"]), float(metrics["calibration"]["by_chance"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise CorpusError(Errors.ZT410.format(path=path)) from error
    return dict(metrics)


def read_meta(folder: Path) -> dict[str, Any]:
    """Read and check the meta.json of a pipeline.

    folder (Path): The folder of the pipeline.
    RETURNS (dict[str, Any]): Its content.
    RAISES (UnreadableFileError): If it is no JSON object, or its pipeline or labels are not lists of names.
    """
    path = folder / "meta.json"
    with reading(path):
        meta = require_type("the file", parse_json(path.read_bytes()), dict)
        names = [require_type("pipeline", meta.get("pipeline", []), list)]
        names += [
            require_type(f"labels.{name}", labels, list)
            for name, labels in require_type("labels", meta.get("labels", {}), dict).items()
        ]
        require(all(isinstance(name, str) for found in names for name in found), "names", "other values", "strings")
        return meta


def render_model_card(meta: Mapping[str, Any], details: CardDetails, metrics: Mapping[str, Any] | None = None) -> str:
    """Render a model card as Markdown.

    meta (Mapping): `nlp.meta`, or the content of meta.json of the pipeline.
    details (CardDetails): Names and licences.
    metrics (Optional[Mapping]): Scores from `read_metrics`; None for a card without scores.
    RETURNS (str): The card as Markdown.
    """
    labels = sorted({label for names in meta.get("labels", {}).values() for label in names})
    parts = [
        f"# {details.name}",
        f"{DESCRIPTION} for [spaCy](https://spacy.io), trained with spacy-zh-tw-ner {__version__}.",
        f'```python\nimport spacy\n\nnlp = spacy.load("{details.name}")\n'
        "for ent in nlp(text).ents:\n    print(ent.text, ent.label_, ent._.score)\n```",
        "## Facts",
        _table(
            ("fact", "value"),
            [
                ("components", ", ".join(f"`{name}`" for name in meta.get("pipeline", []))),
                ("labels", ", ".join(f"`{label}`" for label in labels)),
                ("trained on", " ".join(filter(None, (details.corpus, _in_brackets(details.corpus_license))))),
                ("licence of the pipeline", details.license or "not stated"),
                ("spaCy", str(meta.get("spacy_version", ""))),
            ],
        ),
    ]
    if metrics is not None:
        calibration = metrics["calibration"]
        rows = [_row("all (micro)", metrics["micro"])]
        rows += [_row(f"`{label}`", scores) for label, scores in metrics["per_type"].items()]
        parts += [
            "## Scores",
            f"Exact spans on {metrics.get('documents', '?')} documents of `{Path(str(metrics.get('data', ''))).name}`, "
            "which were not used for training; in brackets the 95 % interval of a bootstrap over documents.",
            _table(("label", "precision", "recall", "F", "interval of F", "gold entities"), rows),
        ]
        if calibration is not None:
            error, chance = calibration["expected_calibration_error"], calibration["by_chance"]
            parts.append(
                f"Expected calibration error of the scores: {error:.3f} (a perfectly calibrated pipeline would show "
                f"{chance:.3f} by chance)."
            )
    parts += ["## Limits", LIMITS.strip(), "## How to cite", _citation(details)]
    return "\n\n".join(parts) + "\n"


def described_meta(meta: Mapping[str, Any], details: CardDetails) -> dict[str, Any]:
    """Return a copy of `meta` with description, licence and training corpus, in the keys that `spacy package` reads.

    "description" becomes a fixed text of this package, "license" the licence of the pipeline, and "sources" a list with
    the name and licence of the corpus. If the licence or the corpus is empty, the value in `meta` is kept.
    """
    sources = [{"name": details.corpus, "license": details.corpus_license}] if details.corpus else []
    described = {"description": DESCRIPTION, "license": details.license, "sources": sources}
    return {**meta, **{key: value for key, value in described.items() if value}}


def write_card_into(folder: Path, details: CardDetails, metrics: Mapping[str, Any] | None = None) -> None:
    """Write a model card (README.md) to the folder of a pipeline, and add the details to its meta.json.

    An existing README.md is replaced.

    folder (Path): The folder of the pipeline.
    details (CardDetails): Names and licences.
    metrics (Optional[Mapping]): Scores from `read_metrics`; None for a card without scores.
    RAISES (UnreadableFileError): If meta.json is damaged.
    """
    meta = read_meta(folder)
    (folder / "README.md").write_text(render_model_card(meta, details, metrics), encoding="utf-8")
    text = json.dumps(described_meta(meta, details), ensure_ascii=False, indent=2)
    (folder / "meta.json").write_text(text, encoding="utf-8")


def _citation(details: CardDetails) -> str:
    """Return the sentence that says what to cite."""
    corpus = f", and the corpus {details.corpus}" if details.corpus else ""
    package = f"spacy-zh-tw-ner {__version__} (`CITATION.cff` of its repository)"
    return f"Name the pipeline and its version, {package}{corpus}."


def _in_brackets(text: str) -> str:
    return f"({text})" if text else ""


def _row(label: str, scores: Mapping[str, Any]) -> tuple[str, ...]:
    """Format a row of the table of scores.

    label (str): The first cell.
    scores (Mapping): p, r and f, from 0 to 100; f_interval, two numbers; gold, the number of gold entities.
    RETURNS (tuple[str, ...]): The cells.
    RAISES (KeyError, TypeError, ValueError): For malformed scores.
    """
    low, high = scores["f_interval"]
    numbers = (scores["p"], scores["r"], scores["f"])
    return (
        label,
        *(f"{float(n):.1f}" for n in numbers),
        f"{float(low):.1f}–{float(high):.1f}",
        f"{int(scores['gold'])}",
    )


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Render a table as Markdown."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
