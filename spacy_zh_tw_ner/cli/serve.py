"""`serve PIPELINE …`: a REST service and a page."""

from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import typer
from wasabi import msg

from ..errors import Errors
from ..install_hints import install_hint
from .main import zh_tw_ner_cli

NEEDED = ("fastapi", "uvicorn", "prometheus_client")


@zh_tw_ner_cli.command("serve")
def serve_cli(
    pipelines: list[str] = typer.Argument(
        ..., help="Folders, of export-onnx too, or packages, or NAME=PIPELINE; the first is default."
    ),
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen at; 0.0.0.0 is every one of this machine."),
    port: int = typer.Option(8000, "--port", min=0, max=65535, help="Port to listen at."),
    api_key_file: Path | None = typer.Option(
        None, "--api-key-file", help="File with the key that clients must send; or set ZH_TW_NER_API_KEY."
    ),
    api_key: str = typer.Option("", envvar="ZH_TW_NER_API_KEY", hidden=True),
    origins: list[str] = typer.Option([], "--allow-origin", help="Site whose pages may call it; may be repeated."),
    batch_chars: int = typer.Option(4_096, "--batch-chars", help="Characters that are read in one go."),
    queue_chars: int = typer.Option(2_000_000, "--queue-chars", help="Characters that may wait; more get 429."),
    max_requests: int = typer.Option(256, "--max-requests", help="Requests held at a time; more get 429."),
    max_body_mib: int = typer.Option(8, "--max-body-mib", help="Size of a request."),
    max_texts: int = typer.Option(1_000, "--max-texts", help="Texts of a JSON request."),
    max_chars: int = typer.Option(1_000_000, "--max-chars", help="Characters of a text."),
    max_words: int = typer.Option(1_000, "--max-words", help="Words of its own that a request may bring."),
    max_word_chars: int = typer.Option(50, "--max-word-chars", help="Characters of such a word."),
    max_models_mib: int = typer.Option(4_096, "--max-models-mib", help="Size of all pipelines in memory at a time."),
    timeout: float = typer.Option(60.0, "--timeout", help="Seconds for an answer."),
    drain: float = typer.Option(30.0, "--drain", help="Seconds to answer what was taken, after SIGTERM."),
    threads: int = typer.Option(0, "--threads", min=0, help="CPU threads to read with; 0 for the library's choice."),
) -> None:
    """Serve pipelines over HTTP: a page at /, the interface at /docs."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(Errors.ZT505.format(missing=", ".join(missing), hint=install_hint("serve")))
    from ..service.models import named_sources
    from ..service.server import serve
    from ..service.settings import MIB, ServiceSettings

    if api_key_file is not None:
        api_key = api_key_file.read_text(encoding="utf-8").strip()
    settings = ServiceSettings(
        batch_chars=batch_chars,
        queue_chars=queue_chars,
        max_requests=max_requests,
        max_body=max_body_mib * MIB,
        max_texts=max_texts,
        max_chars=max_chars,
        max_words=max_words,
        max_word_chars=max_word_chars,
        max_models=max_models_mib * MIB,
        timeout=timeout,
        api_key=api_key,
        origins=tuple(origins),
    )
    if not api_key and not _is_loopback(host):
        msg.warn("Whoever reaches this address may use the service: there is no --api-key-file.")
    serve(named_sources(pipelines), settings, host=host, port=port, drain=drain, threads=threads)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
