"""What goes in and what comes out, as the OpenAPI document tells it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictStr, model_validator
from pydantic.json_schema import SkipJsonSchema

from ..entities import Found
from ..tokenization.word_list import DEFAULT_BONUS
from .offsets import OffsetUnit, convert_offsets

TEXT = "蔡英文總統在臺北市接見台積電董事長。"
_FOUND: list[JsonValue] = [
    {"start": 0, "end": 3, "label": "PERSON", "score": 0.998, "text": "蔡英文"},
    {"start": 6, "end": 9, "label": "GPE", "score": 0.991, "text": "臺北市"},
    {"start": 11, "end": 14, "label": "ORG", "score": 0.987, "text": "台積電"},
]
MAX_BONUS = 100.0  # beyond any score a model gives; float32 still adds it up
TextT = Annotated[StrictStr, Field(description="Any text: empty, long, with emoji or control characters.")]
ScoreT = Annotated[float, Field(strict=True, ge=0, le=1)]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class Options(BaseModel):
    """What is asked of every text of a request."""

    model_config = ConfigDict(extra="forbid")

    pipeline: StrictStr | None = Field(None, description="Name of a pipeline; the first one without.")
    offset_unit: OffsetUnit = Field(
        "codepoint",
        description="What `start` and `end` count: code points (Python), UTF-16 units (JavaScript) or UTF-8 bytes.",
    )
    labels: list[StrictStr] | None = Field(None, description="Only entities of these labels; all without.")
    min_score: ScoreT = Field(
        0.0,
        description="Only entities that are at least so probable. One without a score, such as a rule's, stays.",
    )


class OwnWords(BaseModel):
    """Words that this request knows; they touch no other."""

    model_config = ConfigDict(extra="forbid")

    words: dict[StrictStr, list[StrictStr]] = Field(
        description="Label → words. Spellings need not agree: 臺 is found as 台, Ａ as a."
    )
    override: StrictBool = Field(
        False, description="The words are entities, whatever the text says; without, they are evidence that it weighs."
    )
    bonus: Annotated[float, Field(strict=True, gt=0, le=MAX_BONUS)] = Field(
        DEFAULT_BONUS, description="How strong the evidence is: log-odds that each character of a word adds."
    )


class EntitiesRequest(Options):
    """One text or many."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": TEXT},
                {"texts": [TEXT, "國立臺灣大學位於大安區。"], "offset_unit": "utf16", "min_score": 0.5},
                {"text": TEXT, "gazetteer": {"words": {"ORG": ["臺積電"]}, "override": True}},
            ],
            "oneOf": [{"required": ["text"]}, {"required": ["texts"]}],
        }
    )

    text: TextT | SkipJsonSchema[None] = Field(None, json_schema_extra=_without_default)
    gazetteer: OwnWords | None = None
    texts: list[TextT] | SkipJsonSchema[None] = Field(None, json_schema_extra=_without_default)

    @model_validator(mode="before")
    @classmethod
    def _one_of_both(cls, data: Any) -> Any:
        if isinstance(data, dict):
            given = [name for name in ("text", "texts") if name in data]
            if len(given) != 1:
                raise ValueError("give either `text` or `texts`, and not both")
            if data[given[0]] is None:
                raise ValueError(f"`{given[0]}` is null; give a string, or a list of strings as `texts`")
        return data

    def all_texts(self) -> list[str]:
        """The texts, one or many."""
        return [self.text] if self.text is not None else self.texts or []


class StreamWords(BaseModel):
    """The first line of a stream, where it has words for all others."""

    model_config = ConfigDict(extra="forbid")

    gazetteer: OwnWords


class Record(BaseModel):
    """A line of a stream."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"id": 17, "text": TEXT}]})

    text: TextT
    id: JsonValue = Field(None, description="Comes back as it is; need not be unique.")
    gazetteer: OwnWords | None = Field(None, description="For this line, in place of those of the first line.")


class Entity(BaseModel):
    """A named entity."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FOUND[0]]})

    start: int = Field(ge=0)
    end: int = Field(ge=0, description="Exclusive.")
    label: str
    score: float | None = Field(description="Probability of exactly this span and label; null where there is none.")
    text: str


class Entities(BaseModel):
    """The entities of one text, in its order."""

    entities: list[Entity]


class EntitiesAnswer(BaseModel):
    """One result a text, in the order of the request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"pipeline": "zh_tw_ner", "offset_unit": "codepoint", "results": [{"entities": _FOUND}]}]
        }
    )

    pipeline: str
    offset_unit: OffsetUnit
    results: list[Entities]


class Problem(BaseModel):
    """Why a request was refused."""

    code: str = Field(examples=["ZT508"])
    message: str = Field(examples=["[ZT508] text: Input should be a valid string."])


class Refused(BaseModel):
    """The body of every answer that is no success."""

    error: Problem


class Pipeline(BaseModel):
    """A pipeline that can be asked for."""

    name: str
    loaded: bool
    labels: list[str] | None = Field(description="Null until it has been loaded once.")


class Service(BaseModel):
    """What there is, and how much of it a request may ask for."""

    version: str
    pipelines: list[Pipeline]
    max_texts: int
    max_chars: int
    max_words: int
    max_word_chars: int
    max_body: int


def entities(text: str, found: tuple[Found, ...], options: Options) -> list[dict[str, Any]]:
    """Entities as they are sent: filtered, and counted in the unit of the client.

    text (str): The text.
    found (tuple[Found, ...]): What the pipeline found, in order.
    options (Options): What was asked for.
    RETURNS (list[dict[str, Any]]): Objects as `Entity` describes them.
    """
    kept = [
        entity
        for entity in found
        if (options.labels is None or entity.label in options.labels)
        and (entity.score is None or entity.score >= options.min_score)
    ]
    bounds = [offset for entity in kept for offset in (entity.start, entity.end)]
    offsets = iter(convert_offsets(text, bounds, options.offset_unit))
    return [
        {
            "start": next(offsets),
            "end": next(offsets),
            "label": entity.label,
            "score": entity.score,
            "text": text[entity.start : entity.end],
        }
        for entity in kept
    ]
