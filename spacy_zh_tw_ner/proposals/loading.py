"""Load the sources that a TOML file names."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..errors import Errors, UsageError
from ..extras import import_extra
from ..taiwan.places import COUNTIES, DISTRICTS
from .answers import read_answers
from .settings import ProposalSettings, SourceSettings
from .sources import (
    AnswersSource,
    GazetteerSource,
    GlinerSource,
    PatternSource,
    PipelineSource,
    ProposalSource,
    TaiwanSource,
)

PLACES = "taiwan:places"  # instead of a file: the counties and districts of Taiwan
MAX_WORDS = 2_000_000  # of one source, which take about 1 GiB
MAX_WORD_FILE = 2**26  # bytes


class SourceReject(NamedTuple):
    """A proposal that a source had to drop, for the file of rejects.

    origin (str): File and line. reason (str): The problem. text (str): The text in the file.
    """

    origin: str
    reason: str
    text: str


RejectSourceT: TypeAlias = Callable[[SourceReject], object]


def load_source(
    source: SourceSettings, settings: ProposalSettings, texts: set[str], reject: RejectSourceT
) -> ProposalSource:
    """Load a source.

    source (SourceSettings): Its settings.
    settings (ProposalSettings): Settings of all sources.
    texts (set[str]): The texts to annotate. Answers for other texts are rejected.
    reject (Callable[[SourceReject], object]): Receives the answers that cannot be used.
    RETURNS (ProposalSource): The source.
    RAISES (ZhTwNerError): If a file, pipeline, checkpoint, model or package is missing or cannot be read.
    """
    if source.type == "answers":

        def reject_answer(origin: str, reason: str, text: str) -> None:
            reject(SourceReject(origin, reason, text))

        return AnswersSource(read_answers(settings.folder / source.options["file"], texts, reject_answer))
    return LOADERS[source.type](source, settings)


def load_gazetteer(source: SourceSettings, settings: ProposalSettings) -> GazetteerSource:
    """Read the words of a gazetteer: entries that end in .txt are files with one word per line, others are words."""
    words: dict[str, list[str]] = {}
    for label, entries in _lists(source, settings, "words").items():
        words[label] = []
        for entry in entries:
            if entry == PLACES:
                words[label] += _places()
            elif entry.endswith(".txt"):
                words[label] += _read_word_file(settings.folder / entry)
            else:
                words[label].append(entry)
            if (n := sum(map(len, words.values()))) > MAX_WORDS:
                raise UsageError(Errors.ZT785.format(source=source.name, n=n, limit=MAX_WORDS))
    return GazetteerSource(words)


def load_patterns(source: SourceSettings, settings: ProposalSettings) -> PatternSource:
    """Compile the patterns of a source."""
    return PatternSource(_lists(source, settings, "patterns"), source.name)


def load_taiwan(source: SourceSettings, settings: ProposalSettings) -> TaiwanSource:
    """Return the source of the Taiwan rules."""
    return TaiwanSource()


def load_pipeline_source(source: SourceSettings, settings: ProposalSettings) -> PipelineSource:
    """Load a spaCy pipeline."""
    from ..recognizers.pipelines import load_pipeline

    return PipelineSource(load_pipeline(_place(settings, source.options["pipeline"])))


def load_checkpoint(source: SourceSettings, settings: ProposalSettings) -> PipelineSource:
    """Load a token classification checkpoint of Hugging Face."""
    from ..export.from_hf import pipeline_from_hf

    place = _place(settings, source.options["checkpoint"])
    return PipelineSource(pipeline_from_hf(place, revision=source.options.get("revision")))


def load_gliner(source: SourceSettings, settings: ProposalSettings) -> GlinerSource:
    """Load a GLiNER model; without prompts, the labels of the corpus describe themselves."""
    module = import_extra("gliner", "gliner", needed_by=f"The source {source.name!r}")
    model = module.GLiNER.from_pretrained(_place(settings, source.options["model"]))
    prompts = source.options.get("prompts") or {label: label for label in settings.labels}
    return GlinerSource(model, prompts, source.min_score, source.name)


LOADERS: dict[str, Callable[[SourceSettings, ProposalSettings], ProposalSource]] = {
    "gazetteer": load_gazetteer,
    "patterns": load_patterns,
    "taiwan": load_taiwan,
    "pipeline": load_pipeline_source,
    "checkpoint": load_checkpoint,
    "gliner": load_gliner,
}


def _place(settings: ProposalSettings, name: str) -> str:
    """Return a folder relative to the settings if it exists, else the name of a package or model."""
    place = settings.folder / name
    return str(place) if place.exists() else name


def _lists(source: SourceSettings, settings: ProposalSettings, key: str) -> dict[str, list[str]]:
    """Return a table of lists of strings; a single string counts as a list of one."""
    lists: dict[str, list[str]] = {}
    for label, value in source.options[key].items():
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
            expected, where = "a list of strings", f"`{key}.{label}` of source {source.name!r}"
            raise UsageError(
                Errors.ZT779.format(origin=settings.origin, key=where, expected=expected, seen=repr(value)[:80])
            )
        lists[label] = found
    return lists


def _read_word_file(path: Path) -> list[str]:
    if not path.is_file():
        raise UsageError(Errors.ZT782.format(path=path))
    if path.stat().st_size > MAX_WORD_FILE:
        raise UsageError(Errors.ZT786.format(path=path, reason=f"it is longer than {MAX_WORD_FILE:,} bytes"))
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(Errors.ZT786.format(path=path, reason=f"byte {error.start} is not UTF-8")) from error
    return [line.strip() for line in lines if line.strip()]


def _places() -> list[str]:
    """Return the names of counties (臺北市, 臺北), and of districts in full: 成功 and 和平 are also other words."""
    districts = (district for districts in DISTRICTS.values() for district in districts if len(district) > 2)
    return sorted({*COUNTIES, *(county[:-1] for county in COUNTIES), *districts})
