"""The pages: files of this folder, read once, that ask for nothing from elsewhere."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import Response

# route → file and type; nothing else of the folder is served
PAGES = {
    "/": ("index.html", "text/html"),
    "/docs": ("docs.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/highlight.js": ("highlight.js", "text/javascript"),
    "/own-words.js": ("own-words.js", "text/javascript"),
    "/words.js": ("words.js", "text/javascript"),
    "/docs.js": ("docs.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def add_pages(app: FastAPI) -> None:
    """Add a route for each file."""
    for route, (name, media_type) in PAGES.items():
        content = files(__package__).joinpath(name).read_bytes()
        app.add_api_route(route, _serve(content, media_type), include_in_schema=False)


def _serve(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return Response(content, media_type=media_type)

    return serve
