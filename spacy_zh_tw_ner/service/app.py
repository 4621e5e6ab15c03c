"""FastAPI application of the service: API routes, error handlers, middleware, and the HTML pages in `pages/`."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from .. import __version__
from ..errors import Errors
from .access import Access, key_checker
from .engine import Engine
from .http_errors import Refusal, describe_invalid
from .label_studio import LabelStudioBackend
from .label_studio_routes import label_studio_routes
from .metrics import Metrics
from .reloading import Reloader
from .routes import entity_routes, operation_routes, reload_routes
from .schema import Options
from .settings import ServiceSettings

# route → file in `pages/` and media type; no other file of the folder is served
PAGES = {
    "/": ("index.html", "text/html"),
    "/docs": ("docs.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/highlight.js": ("highlight.js", "text/javascript"),
    "/mask.js": ("mask.js", "text/javascript"),
    "/own-words.js": ("own-words.js", "text/javascript"),
    "/words.js": ("words.js", "text/javascript"),
    "/docs.js": ("docs.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def create_app(engine: Engine, settings: ServiceSettings, metrics: Metrics, reloader: Reloader) -> FastAPI:
    """Build the FastAPI application.

    engine (Engine): Recognizes entities. The caller starts and stops it.
    settings (ServiceSettings): Limits, API key, allowed origins and hosts, and the file of annotations.
    metrics (Metrics): Counts requests. The route `/metrics` returns the metrics as text.
    reloader (Reloader): Replaces pipelines.
    RETURNS (FastAPI): The application.
    """
    app = FastAPI(
        title="spacy-zh-tw-ner",
        version=__version__,
        description="Named entities in Traditional Chinese (Taiwan).",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would contain the `Host` header, which a client can forge
    )
    check_key = key_checker(settings.api_key)
    app.include_router(entity_routes(engine, settings, check_key))
    app.include_router(reload_routes(engine, reloader, settings, check_key))
    app.include_router(operation_routes(engine, metrics, check_key))
    backend = LabelStudioBackend(engine, settings)
    app.include_router(label_studio_routes(backend, settings, key_checker(settings.api_key, basic=True)))
    _add_pages(app)
    app.add_exception_handler(Refusal, _handle_refusal)
    app.add_exception_handler(RequestValidationError, _handle_invalid_query)
    app.add_exception_handler(HTTPException, _handle_unknown_route)
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


def _handle_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.response()


def _handle_invalid_query(request: Request, error: Exception) -> Response:
    """Answer a request with invalid query parameters with 422, and a JSON body with a message about the first one."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return Refusal(422, describe_invalid(first["loc"][1:], first, set(Options.model_fields))).response()


def _handle_unknown_route(request: Request, error: Exception) -> Response:
    """Answer an unknown path (404) or method (405) with the status of `error` and a JSON body that has the message."""
    assert isinstance(error, HTTPException)
    response = Refusal(error.status_code, Errors.ZT517.format(problem=error.detail)).response()
    response.headers.update(error.headers or {})
    return response


def _add_pages(app: FastAPI) -> None:
    """Add a route for each file of PAGES, which maps URL paths to files. The files are read once, in this call."""
    for route, (name, media_type) in PAGES.items():
        content = files(__package__).joinpath("pages", name).read_bytes()
        app.add_api_route(route, _serve(content, media_type), include_in_schema=False)


def _serve(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    """Create a route function that returns `content`, the bytes of a page, with the given media type."""

    async def serve() -> Response:
        return Response(content, media_type=media_type)

    return serve
