"""Load the sources of proposals that a TOML file describes: read word lists, compile patterns, and load models."""

from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import Errors, UsageError
from ..extras import import_extra
from ..taiwan.places import COUNTIES, DISTRICTS
from ..tokenization.word_list import WordList
from .answers import RejectAnswerT, read_answers
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


def load_source(
    source: SourceSettings, settings: ProposalSettings, texts: set[str], reject: RejectAnswerT
) -> ProposalSource:
    """Load a source of any type.

    Sources of the type "patterns" use `texts`. Those of the type "answers" use `texts` and `reject`; such a source is a
    file in which a language model has listed the entities of texts.

    source (SourceSettings): Settings of the source.
    settings (ProposalSettings): Settings of all sources: folder of relative paths, and labels of the corpus.
    texts (set[str]): The texts to annotate. Answers for other texts are rejected, and words of `lists` that are in no
        text are dropped.
    reject (Callable[[str, str, str], object]): Called for each answer that cannot be used, with file and line number,
        the reason, and the text or the beginning of the line.
    RETURNS (ProposalSource): A function that proposes entities of texts.
    RAISES (ZhTwNerError): If a file, pipeline, checkpoint, model or package is missing or cannot be read.
    """
    if source.type == "answers":
        return AnswersSource(read_answers(settings.folder / source.options["file"], texts, reject))
    if source.type == "patterns":
        return load_patterns(source, settings, texts)
    return LOADERS[source.type](source, settings)


def load_gazetteer(source: SourceSettings, settings: ProposalSettings) -> GazetteerSource:
    """Collect the words of a gazetteer: `words` in the settings is a table of label → list of entries.

    An entry that ends in .txt is a file with one word per line. The entry "taiwan:places" is the list of counties and
    districts of Taiwan. Every other entry is a word.

    RAISES (UsageError): If a file is missing, too large or not UTF-8, or if there are more than `MAX_WORDS` words.
    """
    return GazetteerSource(_read_words(source, settings, "words"))


def load_patterns(source: SourceSettings, settings: ProposalSettings, texts: Iterable[str]) -> PatternSource:
    """Compile the regular expressions of a source: `patterns` in the settings is a table of label → patterns.

    `lists` is a table of word lists that the patterns name, and `exclude` a list of entries. Entries are those of a
    gazetteer.

    texts (Iterable[str]): The texts to annotate. Only the words of `lists` that occur in them are compiled, in the
        spellings of the texts: `regex` takes seconds to compile a hundred thousand words.
    RAISES (UsageError): If a pattern is not a valid regular expression, or is too long, or a word list is not valid.
    """
    lists: dict[str, list[str]] = {}
    if "lists" in source.options:
        words = WordList(_read_words(source, settings, "lists"))
        found: dict[str, set[str]] = {name: set() for name in source.options["lists"]}
        for text in texts:
            for start, end, name in words.find(text):
                found[name].add(text[start:end])
        lists = {name: sorted(of_name) for name, of_name in found.items()}
    exclude = WordList(_read_words(source, settings, "exclude")) if "exclude" in source.options else None
    return PatternSource(_lists(source, settings, "patterns"), source.name, lists, exclude)


def load_taiwan(source: SourceSettings, settings: ProposalSettings) -> TaiwanSource:
    """Return the source that applies this package's rules for identifiers, phones, addresses and dates of Taiwan.

    Both arguments are not used, because this source has no settings.
    """
    return TaiwanSource()


def load_pipeline_source(source: SourceSettings, settings: ProposalSettings) -> PipelineSource:
    """Load the spaCy pipeline that the setting `pipeline` names, as a source.

    RAISES (ZhTwNerError): If the pipeline does not exist or cannot be loaded.
    """
    from ..recognizers.pipelines import load_pipeline

    return PipelineSource(load_pipeline(_place(settings, source.options["pipeline"])))


def load_checkpoint(source: SourceSettings, settings: ProposalSettings) -> PipelineSource:
    """Load the token classification model of Hugging Face that the setting `checkpoint` names, as a source.

    The optional setting `revision` is a branch, tag or commit on the Hub.

    RAISES (BaseModelError): If the model does not exist, or is not for token classification.
    """
    from ..export.from_hf import pipeline_from_hf

    place = _place(settings, source.options["checkpoint"])
    return PipelineSource(pipeline_from_hf(place, revision=source.options.get("revision")))


def load_gliner(source: SourceSettings, settings: ProposalSettings) -> GlinerSource:
    """Load a GLiNER model, which finds the kinds of entities that its prompts name, such as "organization".

    The setting `prompts` is a table of label → prompt. If it is missing, the labels of the corpus are the prompts.
    The setting `model` is the name or folder of the model.

    RAISES (MissingExtraError): If gliner is not installed.
    """
    module = import_extra("gliner", "gliner", needed_by=f"The source {source.name!r}")
    model = module.GLiNER.from_pretrained(_place(settings, source.options["model"]))
    prompts = source.options.get("prompts") or {label: label for label in settings.labels}
    return GlinerSource(model, prompts, source.min_score, source.name)


LOADERS: dict[str, Callable[[SourceSettings, ProposalSettings], ProposalSource]] = {
    "gazetteer": load_gazetteer,
    "taiwan": load_taiwan,
    "pipeline": load_pipeline_source,
    "checkpoint": load_checkpoint,
    "gliner": load_gliner,
}


def _place(settings: ProposalSettings, name: str) -> str:
    """Resolve the name of a pipeline or model.

    RETURNS (str): The path of the folder with this name, relative to the folder of the settings file, if it exists;
        otherwise the name itself, which is that of a package or of a model on the Hugging Face Hub.
    """
    place = settings.folder / name
    return str(place) if place.exists() else name


def _read_words(source: SourceSettings, settings: ProposalSettings, key: str) -> dict[str, list[str]]:
    """Read the words of a table of the settings of a source: label or name → words.

    key (str): Key of the table: "words", "lists" or "exclude".
    RAISES (UsageError): If a file is missing, too large or not UTF-8, or if there are more than `MAX_WORDS` words.
    """
    words: dict[str, list[str]] = {}
    for label, entries in _lists(source, settings, key).items():
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
    return words


def _lists(source: SourceSettings, settings: ProposalSettings, key: str) -> dict[str, list[str]]:
    """Return a table of the settings of a source as label → list of strings. A single string becomes a list of one.

    key (str): Key of the table, "words" or "patterns".
    RAISES (UsageError): If a value is neither a string nor a list of non-empty strings.
    """
    lists: dict[str, list[str]] = {}
    table = source.options[key]
    for label, value in table.items() if isinstance(table, dict) else ((key, table),):
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
    size = path.stat().st_size
    if size > MAX_WORD_FILE:
        raise UsageError(Errors.ZT786.format(path=path, reason=f"it has {size:,} bytes", limit=MAX_WORD_FILE))
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(
            Errors.ZT786.format(path=path, reason=f"byte {error.start} is not UTF-8", limit=MAX_WORD_FILE)
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _places() -> list[str]:
    """Return the names of the counties and districts of Taiwan.

    Counties have two forms, with and without the last character: 臺北市 and 臺北. Districts have the full form only,
    because the short forms of some are common words, such as 成功 and 和平.
    """
    districts = (district for districts in DISTRICTS.values() for district in districts if len(district) > 2)
    return sorted({*COUNTIES, *(county[:-1] for county in COUNTIES), *districts})
