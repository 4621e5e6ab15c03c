"""Submit the texts of a request to the engine, and await their entities within the time of the request."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from fastapi import Request
from starlette.types import Receive

from ..entities import Found
from ..errors import Errors
from .engine import Engine
from .fair_queue import QueuedText
from .http_errors import ClientGone, Refusal
from .request_body import check_values, parse, read_body
from .request_gazetteer import RequestGazetteer, make_gazetteer
from .schema import EntitiesRequest, GazetteerWords, Options
from .settings import ServiceSettings

JSON = "application/json"
RequestT = TypeVar("RequestT", bound=EntitiesRequest)


def check_options(options: Options, engine: Engine) -> str:
    """Return the name of the requested pipeline.

    RAISES (Refusal): 422 for an unknown pipeline or label.
    """
    name = options.pipeline if options.pipeline is not None else engine.names[0]
    if name not in engine.names:
        raise Refusal(422, Errors.ZT515.format(name=name[:80], names=", ".join(engine.names)))
    known = engine.labels.get(name)
    if known is not None:  # the labels of a pipeline are known after it was loaded
        for label in options.labels or ():
            _check_label(label, known)
    return name


async def receive(request: Request, model: type[RequestT], settings: ServiceSettings) -> RequestT:
    """Receive the body of a request for one text or many.

    RAISES (Refusal): For a body that is not JSON, does not fit the model, or exceeds a limit.
    """
    body = await read_body(request, JSON, settings)
    await check_values(body, settings.max_values)
    return parse(model, body)


async def find_all(
    request: Request, asked: EntitiesRequest, engine: Engine, settings: ServiceSettings
) -> tuple[str, list[str], list[tuple[Found, ...]]]:
    """Recognize the entities of all texts of a request.

    RETURNS (tuple[str, list[str], list[tuple[Found, ...]]]): Name of the pipeline, the texts, and their entities.
    RAISES (Refusal): 422, 429, 503. ClientGone, if the client disconnects.
    """
    pipeline, texts = check_options(asked, engine), asked.all_texts()
    if len(texts) > settings.max_texts:
        problem = (
            f"{len(texts):,} texts, and at most {settings.max_texts:,} are allowed; /v1/entities/stream takes more"
        )
        raise Refusal(422, Errors.ZT508.format(field="texts", problem=problem))
    for i, text in enumerate(texts):
        check_length(text, "text" if asked.text is not None else f"texts.{i}", settings.max_chars)
    gazetteer = await request_gazetteer(asked.gazetteer, pipeline, engine, settings)
    seconds = settings.seconds_for(sum(map(len, texts)))
    found = await recognize(request.receive, engine, pipeline, texts, seconds, gazetteer) if texts else []
    check_options(asked, engine)  # the labels are known now
    return pipeline, texts, found


def check_length(text: str, field: str, limit: int) -> None:
    """Refuse, with 422, a text that is too long."""
    if len(text) > limit:
        raise Refusal(422, Errors.ZT508.format(field=field, problem=f"longer than {limit:,} characters"))


async def request_gazetteer(
    words: GazetteerWords | None, pipeline: str, engine: Engine, settings: ServiceSettings
) -> RequestGazetteer | None:
    """Check the gazetteer of a request. If necessary, the pipeline is loaded, so that its labels are known.

    words (Optional[GazetteerWords]): The gazetteer.
    pipeline (str): Name of the pipeline.
    engine (Engine): Has the labels.
    settings (ServiceSettings): The limits.
    RETURNS (Optional[RequestGazetteer]): Finds the words; None if there are none.
    RAISES (Refusal): 422 for words that are not possible, or of a label that the pipeline lacks or, without `override`,
        cannot weigh; 503 if the pipeline cannot be loaded.
    """
    if words is None:
        return None
    if pipeline not in engine.labels:
        (empty,) = engine.submit(pipeline, [""])
        try:
            await await_in_time(empty, settings.timeout)
        finally:
            engine.withdraw([empty])
    known, evidence = engine.labels[pipeline], engine.evidence_labels[pipeline]
    for label in words.words:
        _check_label(label, known)
        if label not in evidence and not words.override:
            raise Refusal(422, Errors.ZT609.format(label=label, labels=", ".join(evidence) or "none"))
    return make_gazetteer(words, settings)


def _check_label(label: str, known: Sequence[str]) -> None:
    if label not in known:
        raise Refusal(422, Errors.ZT516.format(label=label[:80], labels=", ".join(known)))


async def recognize(
    receive: Receive,
    engine: Engine,
    pipeline: str,
    texts: Sequence[str],
    timeout: float,
    gazetteer: RequestGazetteer | None = None,
) -> list[tuple[Found, ...]]:
    """Recognize the entities of texts, unless the client disconnects or the time is over.

    receive (Receive): Of the request, whose body was received.
    engine (Engine): The engine.
    pipeline (str): Name of the pipeline.
    texts (Sequence[str]): The texts.
    timeout (float): Seconds.
    gazetteer (Optional[RequestGazetteer]): Gazetteer for these texts alone.
    RETURNS (list[tuple[Found, ...]]): One for each text.
    RAISES (Refusal): 422, 429, 503. ClientGone, if the client disconnects.
    """
    queued = engine.submit(pipeline, texts, gazetteer)
    results = asyncio.gather(*(asyncio.wrap_future(each.future) for each in queued))
    results.add_done_callback(lambda done: done.cancelled() or done.exception())  # else asyncio logs it as unseen
    gone = asyncio.ensure_future(disconnect(receive))
    try:
        await asyncio.wait((results, gone), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if results.done():
            return results.result()
        if gone.done():
            raise ClientGone
        raise Refusal(503, Errors.ZT512.format(seconds=timeout), retry_after=5)
    finally:
        gone.cancel()
        results.cancel()
        engine.withdraw(queued)


async def await_in_time(queued: QueuedText, timeout: float) -> tuple[Found, ...]:
    """Await the entities of a text.

    RAISES (Refusal): 422 if the pipeline fails, 503 if the time is over or the pipeline cannot be loaded.
    """
    try:
        return await asyncio.wait_for(asyncio.wrap_future(queued.future), timeout)
    except (asyncio.TimeoutError, TimeoutError):  # different classes before Python 3.11
        raise Refusal(503, Errors.ZT512.format(seconds=timeout), retry_after=5) from None


async def disconnect(receive: Receive) -> None:
    """Wait until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass
