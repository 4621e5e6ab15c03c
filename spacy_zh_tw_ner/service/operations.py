"""Routes for probes and metrics, which are answered under any load; see `access.PROBES`."""

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from ..errors import Errors
from .engine import Engine, QueueFull
from .http_errors import Refusal
from .key import CheckT
from .metrics import Metrics
from .schema import Refused


def operations(engine: Engine, metrics: Metrics, check_key: CheckT) -> APIRouter:
    """Build the routes `/healthz`, `/readyz` and `/metrics`; only the last wants the key."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="Whether the process lives", response_model=dict[str, str])
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        summary="Whether a request would be taken now",
        response_model=dict[str, str],
        responses={503: {"model": Refused, "description": "It would not."}},
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
        summary="Figures for Prometheus",
        response_class=Response,
        dependencies=[Depends(check_key)],
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            401: {"model": Refused, "description": "The key is missing or wrong."},
        },
    )
    async def figures() -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    return router
