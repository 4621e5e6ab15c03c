"""Define `serve PIPELINE...`, which starts a REST service and a web page."""

import os
import re
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import typer

from ..errors import Errors, MissingExtraError, ServiceError, UsageError, Warnings
from .main import zh_tw_ner_cli
from .options import GPU_HELP
from .terminal import msg

NEEDED = ("fastapi", "uvicorn", "prometheus_client")
KEY_VARIABLE = "ZH_TW_NER_API_KEY"
MAX_KEY = 4_096  # bytes
HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+")


@zh_tw_ner_cli.command("serve")
def serve_cli(
    pipelines: list[str] = typer.Argument(
        ...,
        metavar="PIPELINE",
        help="Folders or package names of pipelines, or folders of exported models. NAME=PIPELINE sets the name for "
        "requests; requests without a name use the first pipeline.",
    ),
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen on; 0.0.0.0 for all addresses."),
    port: int = typer.Option(8000, "--port", min=0, max=65535, help="Port to listen on; 0 for any free port."),
    api_key_file: Path | None = typer.Option(
        None, "--api-key-file", help=f"File with the API key that clients must send; or set {KEY_VARIABLE}."
    ),
    hosts: list[str] = typer.Option(
        [],
        "--allow-host",
        help="Allowed Host header of requests, such as *.example.tw; any by default. May be repeated.",
    ),
    origins: list[str] = typer.Option(
        [],
        "--allow-origin",
        help="Origin of web pages that may call the service (CORS); none by default. May be repeated.",
    ),
    batch_chars: int = typer.Option(4_096, "--batch-chars", help="Maximum characters per batch of inference."),
    queue_chars: int = typer.Option(
        1_000_000, "--queue-chars", help="Maximum characters in the queue; further requests get status 429."
    ),
    max_requests: int = typer.Option(
        256, "--max-requests", help="Maximum requests at a time; further ones get status 429."
    ),
    max_connections: int = typer.Option(512, "--max-connections", help="Maximum open connections."),
    max_body_mib: int = typer.Option(8, "--max-body-mib", help="Maximum size of a request body, in MiB."),
    max_texts: int = typer.Option(1_000, "--max-texts", help="Maximum texts in a JSON request."),
    max_chars: int = typer.Option(1_000_000, "--max-chars", help="Maximum characters in a text."),
    max_words: int = typer.Option(1_000, "--max-words", help="Maximum gazetteer words in a request."),
    max_word_chars: int = typer.Option(50, "--max-word-chars", help="Maximum characters in a gazetteer word."),
    max_models_mib: int = typer.Option(
        4_096, "--max-models-mib", help="Maximum total size of the files of loaded pipelines, in MiB."
    ),
    timeout: float = typer.Option(
        60.0,
        "--timeout",
        help="Seconds to answer a request of up to 100,000 characters; longer requests get proportionally more.",
    ),
    header_timeout: float = typer.Option(
        10.0, "--header-timeout", help="Seconds in which a client must send its headers."
    ),
    body_timeout: float = typer.Option(15.0, "--body-timeout", help="Seconds in which a client must send its body."),
    write_timeout: float = typer.Option(
        20.0, "--write-timeout", help="Seconds after which a client that reads its response too slowly is disconnected."
    ),
    drain: float = typer.Option(
        30.0, "--drain", min=0, help="Seconds after SIGTERM in which accepted requests are answered."
    ),
    threads: int = typer.Option(
        0, "--threads", min=0, help="CPU threads for inference; 0 for the default of torch or ONNX Runtime."
    ),
    annotations: Path | None = typer.Option(
        None, "--annotations", help="File to which annotations from Label Studio are appended; needs an API key."
    ),
    max_annotations_mib: int = typer.Option(
        1_024, "--max-annotations-mib", help="Maximum size of the file of annotations, in MiB."
    ),
    reload_dev: list[str] = typer.Option(
        [],
        "--reload-dev",
        help="[NAME=]CORPUS: a .spacy file on which a reloaded pipeline must not score lower than the served one. May "
        "be repeated.",
    ),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", min=-1, help=GPU_HELP),
) -> None:
    """Serve pipelines over HTTP: a web page at /, the API documentation at /docs, and a back end for Label Studio.

    SIGHUP, or POST /v1/reload, loads the files of the pipelines again, and serves them. With --reload-dev, the new
    version of a pipeline is not served if its F is lower; the former version then stays in use.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        from ..extras import install_hint

        raise MissingExtraError(Errors.ZT505.format(missing=", ".join(missing), hint=install_hint("serve")))
    from ..service.model_cache import named_sources
    from ..service.reloading import named_corpora
    from ..service.server import serve
    from ..service.settings import MIB, ServiceSettings

    for name in hosts:
        if not HOST.fullmatch(name):
            raise UsageError(Errors.ZT574.format(host=name))
    api_key = _read_key(api_key_file)
    sources = named_sources(pipelines)
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
        annotations=annotations,
        max_annotations=max_annotations_mib * MIB,
        reload_dev=named_corpora(reload_dev, list(sources)),
    )
    if not api_key and not _is_loopback(host):
        msg.warn(Warnings.ZT962.format(host=host))
    serve(sources, settings, host=host, port=port, drain=drain, threads=threads, gpu_id=gpu_id)


def _read_key(path: Path | None) -> str:
    """Read the API key from a file or the environment.

    path (Optional[Path]): The file; None for the environment variable.
    RETURNS (str): The key; empty if none is set.
    RAISES (ServiceError): If the file cannot be read, or the key is empty, not UTF-8 or too long, or has line
        breaks or control characters.
    """
    if path is not None:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_KEY + 8)
        except OSError as error:
            raise ServiceError(Errors.ZT568.format(path=path, reason=error.strerror or error)) from None
        source = str(path)
    elif KEY_VARIABLE in os.environ:
        data, source = os.environ[KEY_VARIABLE].encode("utf-8", "surrogateescape"), KEY_VARIABLE
    else:
        return ""
    try:
        key = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ServiceError(Errors.ZT570.format(source=source, problem="is not UTF-8", limit=MAX_KEY)) from None
    if not key:
        raise ServiceError(Errors.ZT569.format(source=source))
    if len(data) > MAX_KEY:
        raise ServiceError(Errors.ZT570.format(source=source, problem="is too long", limit=MAX_KEY))
    if not key.isprintable():
        problem = "has several lines, or control characters"
        raise ServiceError(Errors.ZT570.format(source=source, problem=problem, limit=MAX_KEY))
    return key


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
