"""Request schema, response schema and masking of `/v1/mask`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from ..entities import Found
from ..errors import UsageError
from ..masking import Masked, Masker, MaskingPolicy
from .http_errors import Refusal
from .responses import OffsetConverter, dump
from .schema import MAX_LABELS, TEXT, EntitiesRequest, OffsetUnit

Action: TypeAlias = Literal["replace", "redact", "pseudonym", "hash", "keep", "generalise"]
# Bounds the size of a response, which repeats a placeholder for each entity.
NameT = Annotated[StrictStr, Field(min_length=1, max_length=40)]


class PolicyBody(BaseModel):
    """Masking policy of a request: the action for each label."""

    model_config = ConfigDict(extra="forbid", title="Policy")

    labels: dict[NameT, Action] = Field({}, max_length=MAX_LABELS, description="Label → action.")
    default: Action | None = Field(
        None, description="Action of all other labels. If missing, personal data is replaced, and the rest is kept."
    )
    placeholders: dict[NameT, NameT] = Field({}, max_length=MAX_LABELS, description="Label → name in placeholders.")
    custom_labels: list[NameT] = Field([], max_length=MAX_LABELS, description="Further labels of your own pipeline.")


class MaskRequest(EntitiesRequest):
    """Body of `/v1/mask`: one text or many, and the masking policy for their entities."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": TEXT},
                {"text": TEXT, "policy": {"labels": {"PERSON": "pseudonym", "ORG": "redact"}}},
            ],
            "oneOf": [{"required": ["text"]}, {"required": ["texts"]}],
        }
    )

    policy: PolicyBody = Field(
        default_factory=lambda: PolicyBody.model_validate({}), description="If missing, personal data is replaced."
    )
    key: Annotated[StrictStr, Field(min_length=16, max_length=4096)] | None = Field(
        None, description="Secret key of hashes and pseudonyms. If missing, each request has other pseudonyms."
    )


class ReplacementAnswer(BaseModel):
    """One replacement in a masked text. It does not contain the original characters, which the client has.

    `text` is the replacement. All offsets are in the unit that the response states in `offset_unit`."""

    model_config = ConfigDict(title="Replacement")

    start: int = Field(ge=0, description="In the text of the request.")
    end: int = Field(ge=0)
    masked_start: int = Field(ge=0, description="In the masked text.")
    masked_end: int = Field(ge=0)
    label: str
    action: str
    text: str


class MaskedText(BaseModel):
    """A masked text and its replacements."""

    text: str
    replacements: list[ReplacementAnswer]


class MaskAnswer(BaseModel):
    """Response of `/v1/mask`: one result per text, in the order of the request."""

    pipeline: str
    offset_unit: OffsetUnit
    results: list[MaskedText]


def make_masker(asked: MaskRequest) -> Masker:
    """Create the masker for the policy and key of a request.

    asked (MaskRequest): The parsed body.
    RETURNS (Masker): The masker.
    RAISES (Refusal): 422 for an unknown label, or the action "hash" without a key.
    """
    body = asked.policy
    try:
        policy = MaskingPolicy(
            body.labels, body.default, body.placeholders, tuple(body.custom_labels), origin="The policy of the request"
        )
        return Masker(policy, key=None if asked.key is None else asked.key.encode())
    except UsageError as error:
        raise Refusal(422, error.message) from error


def mask_texts(
    masker: Masker, texts: Sequence[str], found: Sequence[tuple[Found, ...]], asked: MaskRequest, pipeline: str
) -> bytes:
    """Mask texts, and serialize the response. Call it in a thread: long texts would block the event loop.

    masker (Masker): The masker of the request.
    texts (Sequence[str]): The texts.
    found (Sequence[tuple[Found, ...]]): The entities of each text.
    asked (MaskRequest): The parsed body. Its `labels` and `min_score` select the entities to mask, and `offset_unit` is
        the unit of the offsets in the response.
    pipeline (str): Name of the pipeline.
    RETURNS (bytes): A `MaskAnswer` as JSON in UTF-8.
    """
    results = []
    for text, ents in zip(texts, found, strict=True):
        chosen = [ent for ent in ents if asked.labels is None or ent.label in asked.labels]
        chosen = [ent for ent in chosen if ent.score is None or ent.score >= asked.min_score]
        results.append(_result(text, masker.mask_text(text, chosen), asked.offset_unit))
    return dump({"pipeline": pipeline, "offset_unit": asked.offset_unit, "results": results})


def _result(text: str, masked: Masked, unit: OffsetUnit) -> dict[str, Any]:
    """Return a masked text and its replacements as fields of `MaskedText`, with offsets in the given unit."""
    before, after = OffsetConverter(text, unit), OffsetConverter(masked.text, unit)
    replacements = [
        {
            "start": before(done.start),
            "end": before(done.end),
            "masked_start": after(done.masked_start),
            "masked_end": after(done.masked_end),
            "label": done.label,
            "action": done.action,
            "text": done.text,
        }
        for done in masked.replacements
    ]
    return {"text": masked.text, "replacements": replacements}
