"""HTTP routes: entity recognition, masking, description of the service, probes and metrics."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from .. import __version__
from ..errors import Errors
from .access import CheckT
from .engine import Engine
from .http_errors import QueueFull, Refusal
from .inference import JSON, choose_pipeline, find_all, receive, request_gazetteer
from .masking import MaskAnswer, MaskRequest, make_masker, mask_texts
from .metrics import Metrics
from .reloading import Reloader
from .request_body import read_body
from .responses import Pause, dump, dump_found
from .schema import (
    EntitiesAnswer,
    EntitiesRequest,
    OffsetUnit,
    Options,
    Pipeline,
    Refused,
    ReloadAnswer,
    Service,
    StreamHeader,
    StreamLine,
    request_examples,
    schema_without_references,
)
from .settings import ServiceSettings
from .streaming import NDJSON, LinesResponse, StreamAnswer, divide

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
    check_key (Callable): FastAPI dependency, called for each request; it raises an error with status 401 if the API key
        is missing or wrong.
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
    schema["examples"] = request_examples(engine.pipeline().labels or ())
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
        chosen = choose_pipeline(options, engine)
        words, lines = divide(await read_body(request, NDJSON, settings))
        engine.check_room()
        gazetteer = await request_gazetteer(words, chosen, engine, settings)
        return LinesResponse(StreamAnswer(engine, chosen, options, settings, gazetteer).answer(lines))

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
        loaded, served = engine.loaded, map(engine.pipeline, engine.names)
        pipelines = [
            Pipeline(
                name=pipeline.name,
                loaded=pipeline.name in loaded,
                version=pipeline.version,
                labels=None if pipeline.labels is None else list(pipeline.labels),
                span_labels=list(pipeline.span_labels) or None,
                min_score=pipeline.min_score,
            )
            for pipeline in served
        ]
        limits = {name: getattr(settings, name) for name in LIMITS}
        return Service(version=__version__, pipelines=pipelines, **limits)

    return router


def reload_routes(engine: Engine, reloader: Reloader, settings: ServiceSettings, check_key: CheckT) -> APIRouter:
    """Build the route `/v1/reload`, which loads the present files of a pipeline, and serves them.

    If the pipeline has a dev corpus, files with a lower F on it are not served.

    engine (Engine): Has the names of the pipelines.
    reloader (Reloader): Loads and compares the new version of a pipeline, and replaces the old one.
    settings (ServiceSettings): If it has no API key, all requests to the route get the status 403.
    check_key (Callable): FastAPI dependency that raises an error with status 401 if the API key is missing or wrong.
    RETURNS (APIRouter): The route.
    """
    router = APIRouter(prefix="/v1", tags=["operations"], dependencies=[Depends(check_key)])
    refused: dict[int | str, dict[str, Any]] = {
        401: {"model": Refused, "description": REFUSALS[401]},
        403: {"model": Refused, "description": "The service has no API key."},
        409: {
            "model": Refused,
            "description": "The newer version is worse, or not usable; or a reload is in progress.",
        },
        422: {"model": Refused, "description": "There is no such pipeline."},
        503: {"model": Refused, "description": "The service is stopping or too busy."},
    }

    @router.post("/reload", summary="Serve the present files of a pipeline, if they are not worse", responses=refused)
    async def reload(pipeline: Annotated[str | None, Query()] = None) -> ReloadAnswer:
        if not settings.api_key:
            raise Refusal(403, Errors.ZT739.format(route="/v1/reload"))
        options = Options(pipeline=pipeline, offset_unit="codepoint", labels=None, min_score=0.0)
        name = choose_pipeline(options, engine).name
        return ReloadAnswer(**(await asyncio.to_thread(reloader.reload, name))._asdict())

    return router


def operation_routes(engine: Engine, metrics: Metrics, check_key: CheckT) -> APIRouter:
    """Build the routes `/healthz`, `/readyz` and `/metrics`, which are exempt from the limit of concurrent requests.

    engine (Engine): Its state determines the response of `/readyz`.
    metrics (Metrics): Content of `/metrics`.
    check_key (Callable): FastAPI dependency that checks the API key of `/metrics`; the two probes need no key.
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
    """Return the JSON schema of a request body, with the largest length and number of texts as the service limits them.

    model (type[EntitiesRequest]): pydantic model of the body.
    """
    schema = schema_without_references(model)
    for text in (schema["properties"]["text"], schema["properties"]["texts"]["items"]):
        text["maxLength"] = settings.max_chars
    schema["properties"]["texts"]["maxItems"] = settings.max_texts
    return schema


def _lines_schema() -> dict[str, Any]:
    """Return the JSON schema of the body of a stream, a string of JSON lines.

    OpenAPI cannot describe the lines of a body. So the key `x-line` has the schema of a line, and `x-first-line` that
    of an optional first line, which has a gazetteer for all lines after it.
    """
    schema, first = schema_without_references(StreamLine), schema_without_references(StreamHeader)
    lines = "".join(f"{json.dumps(example, ensure_ascii=False)}\n" for example in schema["examples"])
    return {
        "type": "string",
        "description": LINES,
        "examples": [lines],
        "x-line": schema,
        "x-first-line": first,
    }


def _stream_response() -> dict[str, Any]:
    """Return the OpenAPI description of the response to a stream."""
    line = '{"index": 0, "id": 17, "entities": []}\n{"index": 1, "error": {"code": "ZT506", "message": "…"}}\n'
    schema = {"type": "string", "examples": [line]}
    return {
        "description": "One JSON object per line of the request, in the same order.",
        "content": {NDJSON: {"schema": schema}},
    }
