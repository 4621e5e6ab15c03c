"""`serve PIPELINE …`: a REST service and a page."""

import os
import re
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import typer

from ..errors import Errors, Warnings
from ..install_hints import install_hint
from .main import zh_tw_ner_cli
from .printer import msg

NEEDED = ("fastapi", "uvicorn", "prometheus_client")
KEY_VARIABLE = "ZH_TW_NER_API_KEY"
MAX_KEY = 4_096  # bytes
HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+")


@zh_tw_ner_cli.command("serve")
def serve_cli(
    pipelines: list[str] = typer.Argument(
        ..., help="Folders, of export-onnx too, or packages, or NAME=PIPELINE; the first is default."
    ),
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen at; 0.0.0.0 is every one of this machine."),
    port: int = typer.Option(8000, "--port", min=0, max=65535, help="Port to listen at; 0 for any that is free."),
    api_key_file: Path | None = typer.Option(
        None, "--api-key-file", help=f"File with the key that clients must send; or set {KEY_VARIABLE}."
    ),
    hosts: list[str] = typer.Option(
        [], "--allow-host", help="Name that clients may call it by, *.example.tw too; any by default. May be repeated."
    ),
    origins: list[str] = typer.Option([], "--allow-origin", help="Site whose pages may call it; may be repeated."),
    batch_chars: int = typer.Option(4_096, "--batch-chars", help="Characters that are read in one go."),
    queue_chars: int = typer.Option(1_000_000, "--queue-chars", help="Characters that may wait; more get 429."),
    max_requests: int = typer.Option(256, "--max-requests", help="Requests held at a time; more get 429."),
    max_connections: int = typer.Option(512, "--max-connections", help="Connections open at a time."),
    max_body_mib: int = typer.Option(8, "--max-body-mib", help="Size of a request."),
    max_texts: int = typer.Option(1_000, "--max-texts", help="Texts of a JSON request."),
    max_chars: int = typer.Option(1_000_000, "--max-chars", help="Characters of a text."),
    max_words: int = typer.Option(1_000, "--max-words", help="Words of its own that a request may bring."),
    max_word_chars: int = typer.Option(50, "--max-word-chars", help="Characters of such a word."),
    max_models_mib: int = typer.Option(4_096, "--max-models-mib", help="Size of all pipelines in memory."),
    timeout: float = typer.Option(
        60.0,
        "--timeout",
        help="Seconds for an answer to 100,000 characters or fewer; more get as many times longer.",
    ),
    header_timeout: float = typer.Option(10.0, "--header-timeout", help="Seconds for a client to send headers."),
    body_timeout: float = typer.Option(15.0, "--body-timeout", help="Seconds for a client to send a body."),
    write_timeout: float = typer.Option(20.0, "--write-timeout", help="Seconds for which a client may read nothing."),
    drain: float = typer.Option(30.0, "--drain", min=0, help="Seconds to answer what was taken, after SIGTERM."),
    threads: int = typer.Option(0, "--threads", min=0, help="CPU threads to read with; 0 for the library's choice."),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help="Number of the GPU, or -1 for the CPU."),
) -> None:
    """Serve pipelines over HTTP: a page at /, the interface at /docs."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(Errors.ZT505.format(missing=", ".join(missing), hint=install_hint("serve")))
    from ..service.models import named_sources
    from ..service.server import serve
    from ..service.settings import MIB, ServiceSettings

    for name in hosts:
        if not HOST.fullmatch(name):
            raise typer.BadParameter(Errors.ZT574.format(host=name))
    api_key = _read_key(api_key_file)
    try:
        settings = ServiceSettings(
            batch_chars=batch_chars,
            queue_chars=queue_chars,
            max_requests=max_requests,
            max_connections=max_connections,
            max_body=max_body_mib * MIB,
            max_texts=max_texts,
            max_chars=max_chars,
            max_words=max_words,
            max_word_chars=max_word_chars,
            max_models=max_models_mib * MIB,
            timeout=timeout,
            header_timeout=header_timeout,
            body_timeout=body_timeout,
            write_timeout=write_timeout,
            api_key=api_key,
            origins=tuple(origins),
            hosts=tuple(hosts),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not api_key and not _is_loopback(host):
        msg.warn(Warnings.ZT962.format(host=host))
    serve(named_sources(pipelines), settings, host=host, port=port, drain=drain, threads=threads, gpu_id=gpu_id)


def _read_key(path: Path | None) -> str:
    """Read the key from a file or from the environment.

    path (Optional[Path]): The file; None for the environment.
    RETURNS (str): The key; empty where none is set.
    RAISES (ValueError): For a key that is set, but empty or not fit for a header: the service would be open, or closed
        to everybody.
    """
    if path is not None:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_KEY + 8)
        except OSError as error:
            raise ValueError(Errors.ZT568.format(path=path, reason=error.strerror or error)) from None
        source = str(path)
    elif KEY_VARIABLE in os.environ:
        data, source = os.environ[KEY_VARIABLE].encode("utf-8", "surrogateescape"), KEY_VARIABLE
    else:
        return ""
    try:
        key = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ValueError(Errors.ZT570.format(source=source, problem="is not UTF-8", limit=MAX_KEY)) from None
    if not key:
        raise ValueError(Errors.ZT569.format(source=source))
    if len(data) > MAX_KEY:
        raise ValueError(Errors.ZT570.format(source=source, problem="is too long", limit=MAX_KEY))
    if not key.isprintable():
        problem = "has several lines, or control characters"
        raise ValueError(Errors.ZT570.format(source=source, problem=problem, limit=MAX_KEY))
    return key


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
