"""Request and response models, from which the OpenAPI document is generated."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictStr, field_validator, model_validator

from ..tokenization.word_list import DEFAULT_BONUS

TEXT = "蔡英文總統在臺北市接見台積電董事長。"
_FOUND: list[JsonValue] = [
    {"start": 0, "end": 3, "label": "PERSON", "score": 0.998, "text": "蔡英文"},
    {"start": 6, "end": 9, "label": "GPE", "score": 0.991, "text": "臺北市"},
    {"start": 11, "end": 14, "label": "ORG", "score": 0.987, "text": "台積電"},
]
MAX_LABELS = 1_000  # of the gazetteer of a request
MAX_BONUS = 100.0  # greater than any emission of a model, and sums of it are exact enough in float32
OffsetUnit: TypeAlias = Literal["codepoint", "utf16", "utf8"]
# fail_fast: millions of wrong elements would produce millions of errors, half a minute of work for 8 MiB.
StringsT = Annotated[list[StrictStr], Field(fail_fast=True)]
TextT = Annotated[StrictStr, Field(description="Any text: empty, long, with emoji or control characters.")]
ScoreT = Annotated[float, Field(strict=True, ge=0, le=1)]


def _without_null(schema: dict[str, Any]) -> None:
    """Remove null from the schema of a field that may be missing, but not null."""
    schema.pop("default", None)
    schema.update(schema.pop("anyOf")[0])


class Options(BaseModel):
    """Options for every text of a request."""

    model_config = ConfigDict(extra="forbid")

    pipeline: StrictStr | None = Field(None, description="Name of a pipeline; the first one without.")
    offset_unit: OffsetUnit = Field(
        "codepoint",
        description="What `start` and `end` count: code points (Python), UTF-16 units (JavaScript) or UTF-8 bytes.",
    )
    labels: StringsT | None = Field(None, description="Only entities of these labels; all without.")
    min_score: ScoreT = Field(
        0.0,
        description="Only entities that are at least so probable. One without a score, such as a rule's, stays. Below "
        "the `min_score` of the pipeline, see /v1/service, it has no effect.",
    )


class GazetteerWords(BaseModel):
    """Words that this request knows; they touch no other."""

    model_config = ConfigDict(extra="forbid", title="OwnWords")

    words: dict[StrictStr, StringsT] = Field(
        max_length=MAX_LABELS,
        description="Label → words. Spellings need not agree: 臺 is found as 台, Ａ as a.",
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
            ],
            "oneOf": [{"required": ["text"]}, {"required": ["texts"]}],
        }
    )

    text: TextT | None = Field(None, json_schema_extra=_without_null)
    gazetteer: GazetteerWords | None = Field(None, description="Words that this request knows.")
    texts: Annotated[list[TextT], Field(fail_fast=True)] | None = Field(
        None, description="Many texts, in place of `text`.", json_schema_extra=_without_null
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "EntitiesRequest":
        given = {"text", "texts"} & self.model_fields_set
        if len(given) != 1:
            raise ValueError("give either `text` or `texts`, and not both")
        (name,) = given
        if getattr(self, name) is None:
            raise ValueError(f"`{name}` is null; give a string, or a list of strings as `texts`")
        return self

    def all_texts(self) -> list[str]:
        """The texts, one or many."""
        return [self.text] if self.text is not None else self.texts or []


class StreamHeader(BaseModel):
    """Optional first line of a stream: gazetteer words that apply to all lines after it."""

    model_config = ConfigDict(extra="forbid", title="StreamWords")

    gazetteer: GazetteerWords


class StreamLine(BaseModel):
    """A line of a stream."""

    model_config = ConfigDict(
        extra="ignore", title="Record", json_schema_extra={"examples": [{"id": 17, "text": TEXT}]}
    )

    text: TextT
    id: JsonValue = Field(None, description="Comes back as it is; need not be unique.")
    gazetteer: GazetteerWords | None = Field(None, description="For this line, in place of those of the first line.")

    @field_validator("id")
    @classmethod
    def _is_json(cls, value: JsonValue) -> JsonValue:
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            raise ValueError("NaN and infinite numbers are not JSON; send a string, or a finite number") from None
        return value


class EntityAnswer(BaseModel):
    """A named entity."""

    __qualname__ = "Entity"  # its name in the OpenAPI document
    model_config = ConfigDict(title="Entity", json_schema_extra={"examples": [_FOUND[0]]})

    start: int = Field(ge=0)
    end: int = Field(ge=0, description="Exclusive.")
    label: str
    score: float | None = Field(description="Probability of exactly this span and label; null where there is none.")
    text: str
    normalized: str | None = Field(
        None,
        description="Value of a date, time, amount or number, or parts of an address, where the pipeline sets any; "
        "else missing.",
    )


class Entities(BaseModel):
    """The entities of one text, in its order."""

    entities: list[EntityAnswer]


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
    """Reason for refusing a request."""

    code: str = Field(examples=["ZT508"])
    message: str = Field(examples=["[ZT508] text: Input should be a valid string."])


class Refused(BaseModel):
    """Body of every response with an error status."""

    error: Problem


class Pipeline(BaseModel):
    """Pipeline that a request may name."""

    name: str
    loaded: bool
    labels: list[str] | None = Field(description="Null until it has been loaded once.")
    min_score: float | None = Field(
        description="It finds no entity with a lower score, whatever a request asks for. Null until it has been loaded."
    )


class Service(BaseModel):
    """Served pipelines, and limits of requests."""

    version: str
    pipelines: list[Pipeline]
    max_texts: int
    max_chars: int
    max_words: int
    max_word_chars: int
    max_body: int


def request_examples(labels: Sequence[str]) -> list[dict[str, JsonValue]]:
    """Return example requests for a pipeline.

    labels (Sequence[str]): Labels of the pipeline; empty if it has not been loaded.
    """
    examples: list[dict[str, JsonValue]] = list(EntitiesRequest.model_json_schema()["examples"])
    if labels:
        label = "ORG" if "ORG" in labels else labels[0]
        examples.append({"text": TEXT, "gazetteer": {"words": {label: ["臺積電"]}, "override": True}})
    return examples
