"""Pydantic models of requests and responses, from which the OpenAPI document is generated."""

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
MAX_LABELS = 1_000  # labels in the gazetteer or policy of a request
MAX_BONUS = 100.0  # greater than the emissions of models, and small enough that sums in float32 stay exact enough
OffsetUnit: TypeAlias = Literal["codepoint", "utf16", "utf8"]
# fail_fast stops at the first invalid element. A list of millions of them (8 MiB) would take half a minute to report.
StringsT = Annotated[list[StrictStr], Field(fail_fast=True)]
TextT = Annotated[StrictStr, Field(description="Any text: empty, long, with emoji or control characters.")]
ScoreT = Annotated[float, Field(strict=True, ge=0, le=1)]


def _without_null(schema: dict[str, Any]) -> None:
    """Remove null from the JSON schema of a field, in place. pydantic calls it, as `json_schema_extra` of the field.

    Requests may leave the field out, but not set it to null.
    """
    schema.pop("default", None)
    schema.update(schema.pop("anyOf")[0])


class Options(BaseModel):
    """Options that apply to every text of a request."""

    model_config = ConfigDict(extra="forbid")

    pipeline: StrictStr | None = Field(None, description="Name of a pipeline. If missing, the default pipeline.")
    offset_unit: OffsetUnit = Field(
        "codepoint",
        description="Unit of `start` and `end`: code points (Python), UTF-16 units (JavaScript) or UTF-8 bytes.",
    )
    labels: StringsT | None = Field(None, description="Return only entities with these labels. If missing, all.")
    min_score: ScoreT = Field(
        0.0,
        description="Return only entities with at least this score, and those without one, such as matches of rules. "
        "A value below the `min_score` of the pipeline, see /v1/service, has no effect.",
    )


class GazetteerWords(BaseModel):
    """Gazetteer of a request: words by label. It does not affect other requests."""

    model_config = ConfigDict(extra="forbid", title="OwnWords")

    words: dict[StrictStr, StringsT] = Field(
        max_length=MAX_LABELS,
        description="Label → words. They match in normalized form: 臺 also as 台, Ａ also as a.",
    )
    override: StrictBool = Field(
        False,
        description="If true, every match is an entity. If false, a match is evidence that the model weighs against "
        "the context.",
    )
    bonus: Annotated[float, Field(strict=True, gt=0, le=MAX_BONUS)] = Field(
        DEFAULT_BONUS, description="Strength of the evidence: log-odds added for each character of a match."
    )


class EntitiesRequest(Options):
    """Request with one text, in `text`, or with a list of texts, in `texts`."""

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
    gazetteer: GazetteerWords | None = Field(None, description="Gazetteer for the texts of this request.")
    texts: Annotated[list[TextT], Field(fail_fast=True)] | None = Field(
        None, description="Several texts, instead of `text`.", json_schema_extra=_without_null
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "EntitiesRequest":
        given = {"text", "texts"} & self.model_fields_set
        if len(given) != 1:
            raise ValueError("give either `text` or `texts`, not both")
        (name,) = given
        if getattr(self, name) is None:
            raise ValueError(f"`{name}` is null; give a string, or a list of strings as `texts`")
        return self

    def all_texts(self) -> list[str]:
        """Return `texts`, or `text` as a list of one."""
        return [self.text] if self.text is not None else self.texts or []


class StreamHeader(BaseModel):
    """Optional first line of a stream: a gazetteer that applies to all lines after it."""

    model_config = ConfigDict(extra="forbid", title="StreamWords")

    gazetteer: GazetteerWords


class StreamLine(BaseModel):
    """Line of a stream: a text with an optional id and gazetteer."""

    model_config = ConfigDict(
        extra="ignore", title="Record", json_schema_extra={"examples": [{"id": 17, "text": TEXT}]}
    )

    text: TextT
    id: JsonValue = Field(None, description="Returned unchanged with the entities; need not be unique.")
    gazetteer: GazetteerWords | None = Field(None, description="For this line, instead of that of the first line.")

    @field_validator("id")
    @classmethod
    def _is_json(cls, value: JsonValue) -> JsonValue:
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            raise ValueError("NaN and infinite numbers are not JSON; send a string, or a finite number") from None
        return value


class EntityAnswer(BaseModel):
    """Named entity in a response. `start` and `end` are offsets in the text as sent, in the unit of the request."""

    __qualname__ = "Entity"  # its name in the OpenAPI document
    model_config = ConfigDict(title="Entity", json_schema_extra={"examples": [_FOUND[0]]})

    start: int = Field(ge=0)
    end: int = Field(ge=0, description="Exclusive.")
    label: str
    score: float | None = Field(description="Probability of exactly this span and label; null for matches of rules.")
    text: str
    normalized: str | None = Field(
        None,
        description="Normal form of a date, time, amount, number or address, if the pipeline sets one; else missing.",
    )


class Entities(BaseModel):
    """Entities of one text, in ascending order of `start`."""

    entities: list[EntityAnswer]
    spans: list[EntityAnswer] | None = Field(
        None,
        description="Entities that may overlap or be nested, in ascending order of `start`, the longest first. Missing "
        "if the pipeline has no component `zh_tw_crf_spans`.",
    )


class EntitiesAnswer(BaseModel):
    """Response of `/v1/entities`: one result per text, in the order of the request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"pipeline": "zh_tw_ner", "offset_unit": "codepoint", "results": [{"entities": _FOUND}]}]
        }
    )

    pipeline: str
    offset_unit: OffsetUnit
    results: list[Entities]


class Problem(BaseModel):
    """Code and message of an error."""

    code: str = Field(examples=["ZT508"])
    message: str = Field(
        examples=["[ZT508] The request is invalid at text: Input should be a valid string. See /docs for the schema."]
    )


class Refused(BaseModel):
    """Body of every response with an error status."""

    error: Problem


class Pipeline(BaseModel):
    """Description of a pipeline that requests can name."""

    name: str
    loaded: bool
    version: str = Field(description="Changes if other files of the pipeline are loaded, as by /v1/reload.")
    labels: list[str] | None = Field(description="Null until the pipeline has been loaded once.")
    span_labels: list[str] | None = Field(
        None,
        description="Labels of overlapping entities, in `spans`. Null without `zh_tw_crf_spans`, and until loaded.",
    )
    min_score: float | None = Field(
        description="The pipeline returns no entity with a lower score. Null until it has been loaded once."
    )


class ReloadAnswer(BaseModel):
    """Response of `/v1/reload`: whether the served pipeline was replaced, its version, and F before and after."""

    pipeline: str
    replaced: bool = Field(description="False if the files have not changed since they were loaded.")
    version: str
    former_version: str
    f: float | None = Field(description="Micro F of exact entities on the dev corpus, 0 to 100; null without a corpus.")
    former_f: float | None = Field(description="The same for the former version.")


class Service(BaseModel):
    """Response of `/v1/service`: the served pipelines, and the limits of requests.

    The limits are the number of texts in a request (a stream may have more), of characters in a text, of words in a
    gazetteer, of characters in such a word, and of bytes in a request body.
    """

    version: str
    pipelines: list[Pipeline]
    max_texts: int
    max_chars: int
    max_words: int
    max_word_chars: int
    max_body: int


def request_examples(labels: Sequence[str]) -> list[dict[str, JsonValue]]:
    """Return example requests for the OpenAPI document.

    labels (Sequence[str]): Labels of the default pipeline; empty if it has not been loaded.
    RETURNS (list[dict[str, JsonValue]]): Request bodies; one has a gazetteer if there are labels.
    """
    examples: list[dict[str, JsonValue]] = list(EntitiesRequest.model_json_schema()["examples"])
    if labels:
        label = "ORG" if "ORG" in labels else labels[0]
        examples.append({"text": TEXT, "gazetteer": {"words": {label: ["臺積電"]}, "override": True}})
    return examples


def schema_without_references(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a model, with each `$ref` replaced by the schema that it refers to.

    The references start at the root of the schema, so they would be wrong inside the OpenAPI document.
    """
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def resolved(value: Any) -> Any:
        if isinstance(value, list):
            return [resolved(each) for each in value]
        if not isinstance(value, dict):
            return value
        part = resolved(parts[value["$ref"].rpartition("/")[2]]) if "$ref" in value else {}
        return {**part, **{key: resolved(each) for key, each in value.items() if key != "$ref"}}

    found: dict[str, Any] = resolved(schema)
    return found
