"""HTTP routes: entity recognition, masking, description of the service, probes and metrics."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from .. import __version__
from ..errors import Errors
from .access import CheckT
from .engine import Engine, QueueFull
from .http_errors import Refusal
from .inference import check_options, find_all, receive, request_gazetteer
from .masking import MaskAnswer, MaskRequest, make_masker, mask_texts
from .metrics import Metrics
from .request_body import read_body
from .responses import Pause, dump, dump_found
from .schema import (
    EntitiesAnswer,
    EntitiesRequest,
    OffsetUnit,
    Options,
    Pipeline,
    Refused,
    Service,
    StreamHeader,
    StreamLine,
    request_examples,
)
from .settings import ServiceSettings
from .streaming import NDJSON, LinesResponse, StreamAnswer, divide

JSON = "application/json"
LINES = (
    "One JSON object per line. A first line with a `gazetteer` and no `text` applies to all other lines, and gets no "
    "answer. The `gazetteer` of a line with a `text` applies to that line alone."
)
LIMITS = ("max_texts", "max_chars", "max_words", "max_word_chars", "max_body")
REFUSALS = {
    400: "The body is not JSON in UTF-8.",
    401: "The API key is missing or wrong.",
    408: "The body did not arrive in time.",
    413: "The body is too long.",
    415: "The body has another media type.",
    422: "The body is JSON, but does not fit this schema.",
    429: "The queue is full; `Retry-After` is the number of seconds to wait.",
    503: "The time limit is over, or the pipeline cannot be loaded.",
}


def entity_routes(engine: Engine, settings: ServiceSettings, check_key: CheckT) -> APIRouter:
    """Build the routes `/v1/entities`, `/v1/entities/stream`, `/v1/mask` and `/v1/service`.

    engine (Engine): Recognizes entities.
    settings (ServiceSettings): Limits of requests.
    check_key (Callable): Dependency that checks the API key, see `key_checker`.
    RETURNS (APIRouter): The routes.
    """
    # One thread at a time masks: several would share the GIL with the event loop, and delay the probes.
    masking = asyncio.Semaphore(1)
    router = APIRouter(
        prefix="/v1",
        tags=["entities"],
        dependencies=[Depends(check_key)],
        responses={401: {"model": Refused, "description": REFUSALS[401]}},
    )
    schema = _request_schema(settings, EntitiesRequest)
    schema["examples"] = request_examples(engine.labels.get(engine.names[0], ()))
    mask_schema = _request_schema(settings, MaskRequest)
    refused: dict[int | str, dict[str, Any]] = {
        status: {"model": Refused, "description": description} for status, description in REFUSALS.items()
    }

    @router.post(
        "/entities",
        summary="Entities of one text or many",
        response_model=EntitiesAnswer,
        responses=refused,
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}},
    )
    async def find_entities(request: Request) -> Response:
        asked = await receive(request, EntitiesRequest, settings)
        pipeline, texts, found = await find_all(request, asked, engine, settings)
        pause = Pause()
        results = [b"{" + await dump_found(text, f, asked, pause) + b"}" for text, f in zip(texts, found, strict=True)]
        head = dump({"pipeline": pipeline, "offset_unit": asked.offset_unit})
        return Response(head[:-1] + b',"results":[' + b",".join(results) + b"]}", media_type=JSON)

    @router.post(
        "/entities/stream",
        summary="Entities of many texts as JSON lines, each sent as soon as it is ready",
        response_class=LinesResponse,
        responses={**refused, 200: _stream_response()},
        openapi_extra={"requestBody": {"required": True, "content": {NDJSON: {"schema": _lines_schema()}}}},
    )
    async def stream_entities(
        request: Request,
        pipeline: Annotated[str | None, Query()] = None,
        offset_unit: Annotated[OffsetUnit, Query()] = "codepoint",
        labels: Annotated[list[str] | None, Query()] = None,
        min_score: Annotated[float, Query(ge=0, le=1)] = 0.0,
    ) -> LinesResponse:
        options = Options(pipeline=pipeline, offset_unit=offset_unit, labels=labels, min_score=min_score)
        name = check_options(options, engine)
        words, lines = divide(await read_body(request, NDJSON, settings))
        engine.check_room()
        gazetteer = await request_gazetteer(words, name, engine, settings)
        return LinesResponse(StreamAnswer(engine, name, options, settings, gazetteer).answer(lines))

    @router.post(
        "/mask",
        summary="Mask the entities of one text or many",
        response_model=MaskAnswer,
        responses=refused,
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": mask_schema}}}},
    )
    async def mask_entities(request: Request) -> Response:
        asked = await receive(request, MaskRequest, settings)
        masker = make_masker(asked)
        pipeline, texts, found = await find_all(request, asked, engine, settings)
        async with masking:
            content = await asyncio.to_thread(mask_texts, masker, texts, found, asked, pipeline)
        return Response(content, media_type=JSON)

    @router.get("/service", summary="Pipelines, labels and limits", response_model=Service)
    async def describe() -> Service:
        loaded = engine.loaded
        pipelines = [
            Pipeline(
                name=name,
                loaded=name in loaded,
                labels=list(engine.labels[name]) if name in engine.labels else None,
                span_labels=list(engine.span_labels[name]) if engine.span_labels.get(name) else None,
                min_score=engine.min_scores.get(name),
            )
            for name in engine.names
        ]
        limits = {name: getattr(settings, name) for name in LIMITS}
        return Service(version=__version__, pipelines=pipelines, **limits)

    return router


def operation_routes(engine: Engine, metrics: Metrics, check_key: CheckT) -> APIRouter:
    """Build the routes `/healthz`, `/readyz` and `/metrics`, which are exempt from the limit of concurrent requests.

    engine (Engine): Its state determines the response of `/readyz`.
    metrics (Metrics): Content of `/metrics`.
    check_key (Callable): Dependency that checks the API key of `/metrics`; the probes need none.
    RETURNS (APIRouter): The routes.
    """
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="Liveness probe: the process runs", response_model=dict[str, str])
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        summary="Readiness probe: a request would be accepted now",
        response_model=dict[str, str],
        responses={503: {"model": Refused, "description": "No pipeline is loaded, or the queue is full."}},
    )
    async def ready() -> dict[str, str]:
        if not engine.ready.is_set() or engine.failed is not None:
            raise Refusal(503, Errors.ZT518.format(reason="the pipeline is not loaded"), retry_after=1)
        try:
            engine.check_room()
        except QueueFull as full:
            raise Refusal(503, Errors.ZT518.format(reason="its queue is full"), full.retry_after) from full
        return {"status": "ready"}

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        dependencies=[Depends(check_key)],
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            401: {"model": Refused, "description": REFUSALS[401]},
        },
    )
    async def figures() -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    return router


def _request_schema(settings: ServiceSettings, model: type[EntitiesRequest]) -> dict[str, Any]:
    """Return the JSON schema of a request body, with the limits of the service."""
    schema = _schema_without_references(model)
    for text in (schema["properties"]["text"], schema["properties"]["texts"]["items"]):
        text["maxLength"] = settings.max_chars
    schema["properties"]["texts"]["maxItems"] = settings.max_texts
    return schema


def _lines_schema() -> dict[str, Any]:
    """Return the JSON schema of the body of a stream, a string of JSON lines.

    OpenAPI cannot describe single lines. Their schemas are in `x-line` and `x-first-line` (the optional header).
    """
    schema, first = _schema_without_references(StreamLine), _schema_without_references(StreamHeader)
    lines = "".join(f"{json.dumps(example, ensure_ascii=False)}\n" for example in schema["examples"])
    return {
        "type": "string",
        "description": LINES,
        "examples": [lines],
        "x-line": schema,
        "x-first-line": first,
    }


def _schema_without_references(model: type[BaseModel]) -> dict[str, Any]:
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
        part = parts.get(str(value.get("$ref")).rpartition("/")[2], {})
        return part | {key: resolved(each) for key, each in value.items() if key != "$ref"}

    found: dict[str, Any] = resolved(schema)
    return found


def _stream_response() -> dict[str, Any]:
    """Return the OpenAPI description of the response to a stream."""
    line = '{"index": 0, "id": 17, "entities": []}\n{"index": 1, "error": {"code": "ZT506", "message": "…"}}\n'
    schema = {"type": "string", "examples": [line]}
    return {
        "description": "One JSON object per line of the request, in the same order.",
        "content": {NDJSON: {"schema": schema}},
    }
