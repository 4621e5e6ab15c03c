"""The service as an ASGI application."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from .. import __version__
from ..errors import Errors
from .access import Access
from .engine import Engine, QueueFull
from .http_errors import Refusal, problem_of
from .key import key_checker
from .metrics import Metrics
from .operations import operations
from .pages import add_pages
from .routes import entity_routes
from .schema import Options
from .settings import ServiceSettings


def create_app(engine: Engine, settings: ServiceSettings, metrics: Metrics) -> FastAPI:
    """Build the service.

    engine (Engine): Reads texts; starting and stopping it is the caller's.
    settings (ServiceSettings): The limits.
    metrics (Metrics): The figures.
    RETURNS (FastAPI): An ASGI application.
    """
    app = FastAPI(
        title="spacy-zh-tw-ner",
        version=__version__,
        description="Named entities in Traditional Chinese (Taiwan).",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the `Host` of the request
    )
    check_key = key_checker(settings.api_key)
    app.include_router(entity_routes(engine, settings, check_key))
    app.include_router(operations(engine, metrics, check_key))
    add_pages(app)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(QueueFull, _queue_full)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _no_such)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key"],
            expose_headers=["Retry-After"],
        )
    metrics.watch(engine)
    app.add_middleware(Access, metrics=metrics, max_requests=settings.max_requests, hosts=settings.hosts)
    return app


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.response()


def _queue_full(request: Request, error: Exception) -> Response:
    assert isinstance(error, QueueFull)
    return Refusal(429, error.message, error.retry_after).response()


def _invalid(request: Request, error: Exception) -> Response:
    """Parameters of the URL that are not what they should be."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return Refusal(422, problem_of(first["loc"][1:], first, set(Options.model_fields))).response()


def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = Refusal(error.status_code, Errors.ZT517.format(problem=error.detail)).response()
    response.headers.update(error.headers or {})
    return response
