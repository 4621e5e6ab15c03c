"""HTTP routes whose paths Label Studio prescribes for a machine learning back end."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from .access import CheckT
from .http_errors import Refusal
from .inference import JSON, RequestT, receive
from .label_studio import LabelStudioBackend
from .label_studio_schema import (
    EventRequest,
    ModelVersion,
    ModelVersions,
    PredictAnswer,
    PredictRequest,
    Saved,
    SetupRequest,
)
from .schema import Refused, schema_without_references
from .settings import ServiceSettings

# JSON values of a task, which has its earlier annotations and predictions
VALUES = 500
AnswerT = TypeVar("AnswerT")
log = logging.getLogger(__name__)


def label_studio_routes(backend: LabelStudioBackend, settings: ServiceSettings, check_key: CheckT) -> APIRouter:
    """Build the routes `/health`, `/setup`, `/versions`, `/predict` and `/webhook`.

    Label Studio calls `/setup` to check the labels of a project, `/predict` for predictions, and `/webhook` to send
    finished annotations. `/health` answers that the service runs, and `/versions` names the version of the pipeline.

    backend (LabelStudioBackend): Answers the requests.
    settings (ServiceSettings): Limits of requests.
    check_key (Callable): Dependency that checks the API key. All routes except `/health` need it.
    RETURNS (APIRouter): The routes.
    """
    router = APIRouter(tags=["Label Studio"])
    keyed: dict[str, Any] = {
        "dependencies": [Depends(check_key)],
        "responses": {"default": {"model": Refused, "description": "The request was refused."}},
    }

    async def answer(
        request: Request, model: type[RequestT], handle: Callable[[RequestT], Awaitable[AnswerT]]
    ) -> AnswerT:
        try:
            return await handle(await receive(request, model, settings, max_values=VALUES * settings.max_texts))
        except Refusal as refusal:
            # Label Studio shows the status, but not the message, to its users.
            log.warning("Label Studio gets status %d: %s", refusal.status, refusal)
            raise

    @router.get("/health", summary="Check that the back end can be reached")
    async def health() -> dict[str, str]:
        return {"status": "UP", "model_class": "spacy-zh-tw-ner"}

    @router.post("/setup", summary="Check the labels of a project", openapi_extra=_body(SetupRequest), **keyed)
    async def setup(request: Request) -> ModelVersion:
        return await answer(request, SetupRequest, backend.setup)

    @router.get("/versions", summary="Version of the pipeline", **keyed)
    async def versions() -> ModelVersions:
        return backend.versions()

    @router.post(
        "/predict",
        summary="Predictions for tasks",
        response_model=PredictAnswer,
        openapi_extra=_body(PredictRequest),
        **keyed,
    )
    async def predict(request: Request) -> Response:
        content = await answer(request, PredictRequest, lambda asked: backend.predict(request, asked))
        return Response(content, media_type=JSON)

    @router.post("/webhook", summary="Collect annotations", openapi_extra=_body(EventRequest), **keyed)
    async def webhook(request: Request) -> Saved:
        return await answer(request, EventRequest, backend.save)

    return router


def _body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a request body that is parsed as a pydantic model.

    RETURNS (dict[str, Any]): An object with the key "requestBody", for `openapi_extra` of a route.
    """
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema_without_references(model)}}}}
