"""The routes that read texts, and the one that says what there is to read them with."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from .. import __version__
from ..errors import Errors
from .engine import Engine
from .key import CheckT
from .offsets import OffsetUnit
from .own_words import gazetteer_of
from .reading import Stream, check_length, check_options, check_words, read_texts
from .refusals import Refusal, parse, read_body
from .schema import EntitiesAnswer, EntitiesRequest, Options, Pipeline, Record, Refused, Service, entities
from .settings import ServiceSettings

JSON, NDJSON = "application/json", "application/x-ndjson"
LIMITS = ("max_texts", "max_chars", "max_words", "max_word_chars", "max_body")
REFUSALS = {
    400: "The body is not JSON, or not UTF-8.",
    401: "The key is missing or wrong.",
    408: "The body did not come in time.",
    413: "The body is too long.",
    415: "The body is of another type.",
    422: "The body is JSON, but not what is described here.",
    429: "The queue is full; `Retry-After` says when to come again.",
    503: "The time is over, or the pipeline does not load.",
}


def entity_routes(engine: Engine, settings: ServiceSettings, check_key: CheckT) -> APIRouter:
    """The two routes that read texts, and the one that says what there is to read them with."""
    router = APIRouter(
        prefix="/v1",
        tags=["entities"],
        dependencies=[Depends(check_key)],
        responses={401: {"model": Refused, "description": REFUSALS[401]}},
    )
    refused: dict[int | str, dict[str, Any]] = {
        status: {"model": Refused, "description": description} for status, description in REFUSALS.items()
    }

    @router.post(
        "/entities",
        summary="Entities of one text or many",
        response_model=EntitiesAnswer,
        responses=refused,
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": _request_schema(settings)}}}},
    )
    async def find_entities(request: Request) -> JSONResponse:
        asked = parse(EntitiesRequest, await read_body(request, JSON, settings))
        pipeline, texts = check_options(asked, engine), asked.all_texts()
        if len(texts) > settings.max_texts:
            problem = f"{len(texts):,} texts, where {settings.max_texts:,} may come; /v1/entities/stream takes more"
            raise Refusal(422, Errors.ZT508.format(field="texts", problem=problem))
        for i, text in enumerate(texts):
            check_length(text, "text" if asked.text is not None else f"texts.{i}", settings.max_chars)
        if asked.gazetteer is not None and pipeline not in engine.labels:
            # An empty text has it loaded, and its labels known.
            await read_texts(request, engine, pipeline, [""], settings.timeout)
        check_words(asked, pipeline, engine)
        words = gazetteer_of(asked.gazetteer, settings)
        found = await read_texts(request, engine, pipeline, texts, settings.timeout, words) if texts else []
        check_options(asked, engine)  # the labels are known now
        results = [{"entities": entities(text, f, asked)} for text, f in zip(texts, found, strict=True)]
        return JSONResponse({"pipeline": pipeline, "offset_unit": asked.offset_unit, "results": results})

    @router.post(
        "/entities/stream",
        summary="Entities of many texts, a line of JSON each, as they are found",
        response_class=StreamingResponse,
        responses={**refused, 200: _stream_response()},
        openapi_extra={"requestBody": {"required": True, "content": {NDJSON: {"schema": _lines_schema()}}}},
    )
    async def stream_entities(
        request: Request,
        pipeline: Annotated[str | None, Query()] = None,
        offset_unit: Annotated[OffsetUnit, Query()] = "codepoint",
        labels: Annotated[list[str] | None, Query()] = None,
        min_score: Annotated[float, Query(ge=0, le=1)] = 0.0,
    ) -> StreamingResponse:
        options = Options(pipeline=pipeline, offset_unit=offset_unit, labels=labels, min_score=min_score)
        name = check_options(options, engine)
        body = await read_body(request, NDJSON, settings)
        engine.check_room()
        return StreamingResponse(Stream(engine, name, options, settings).answer(body), media_type=NDJSON)

    @router.get("/service", summary="Pipelines, labels and limits", response_model=Service)
    async def describe() -> Service:
        loaded = engine.loaded
        pipelines = [
            Pipeline(name=n, loaded=n in loaded, labels=list(engine.labels[n]) if n in engine.labels else None)
            for n in engine.names
        ]
        limits = {name: getattr(settings, name) for name in LIMITS}
        return Service(version=__version__, pipelines=pipelines, **limits)

    return router


def _request_schema(settings: ServiceSettings) -> dict[str, Any]:
    schema = EntitiesRequest.model_json_schema()
    for text in (schema["properties"]["text"], schema["properties"]["texts"]["items"]):
        text["maxLength"] = settings.max_chars
    schema["properties"]["texts"]["maxItems"] = settings.max_texts
    schema["properties"]["gazetteer"]["anyOf"][0] = schema.pop("$defs")["OwnWords"]  # pointers would lead elsewhere
    return schema


def _lines_schema() -> dict[str, Any]:
    schema = Record.model_json_schema()
    lines = "".join(f"{json.dumps(example, ensure_ascii=False)}\n" for example in schema["examples"])
    return {"type": "string", "description": "Objects, one a line.", "examples": [lines], "x-line": schema}


def _stream_response() -> dict[str, Any]:
    line = '{"index": 0, "id": 17, "entities": []}\n{"index": 1, "error": {"code": "ZT506", "message": "…"}}\n'
    schema = {"type": "string", "examples": [line]}
    return {
        "description": "A line of JSON for each of the request, in its order.",
        "content": {NDJSON: {"schema": schema}},
    }
