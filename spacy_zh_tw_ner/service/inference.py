"""Submit the texts of a request to the engine, and await their entities within the time limit of the request."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.types import Receive

from ..entities import Found
from ..errors import Errors
from .engine import Engine
from .fair_queue import QueuedText
from .http_errors import ClientGone, Refusal
from .model_cache import ServedPipeline
from .request_body import check_values, parse, read_body
from .request_gazetteer import RequestGazetteer, make_gazetteer
from .schema import EntitiesRequest, GazetteerWords, Options
from .settings import ServiceSettings

JSON = "application/json"
RequestT = TypeVar("RequestT", bound=BaseModel)


def choose_pipeline(options: Options, engine: Engine) -> ServedPipeline:
    """Find the pipeline that a request names, and check that it has the labels that the request names.

    options (Options): Options of the request.
    engine (Engine): Holds the pipelines.
    RETURNS (ServedPipeline): The pipeline of this name that is served now; the default one if the request names none.
    RAISES (Refusal): 422 for an unknown pipeline or label. Labels of a pipeline not yet loaded are not checked.
    """
    if options.pipeline is not None and options.pipeline not in engine.names:
        raise Refusal(422, Errors.ZT515.format(name=options.pipeline[:80], names=", ".join(engine.names)))
    pipeline = engine.pipeline(options.pipeline)
    check_labels(options, pipeline)
    return pipeline


def check_labels(options: Options, pipeline: ServedPipeline) -> None:
    """Check that a pipeline has the labels that a request names. Before it is first loaded, nothing is checked.

    RAISES (Refusal): 422 for a label that the pipeline does not have.
    """
    if pipeline.labels is not None:
        for label in options.labels or ():
            _check_label(label, (*pipeline.labels, *pipeline.span_labels))


async def receive(
    request: Request, model: type[RequestT], settings: ServiceSettings, *, max_values: int | None = None
) -> RequestT:
    """Receive and parse the JSON body of a request.

    request (Request): The request.
    model (type[RequestT]): The pydantic model of the body.
    settings (ServiceSettings): Limits of size, time and number of values.
    max_values (Optional[int]): Largest number of JSON values, in place of `settings.max_values`.
    RETURNS (RequestT): The parsed body.
    RAISES (Refusal): 400, 408, 413, 415 or 422 for a body that is not JSON, does not fit the model, or exceeds a limit.
    """
    body = await read_body(request, JSON, settings)
    await check_values(body, settings.max_values if max_values is None else max_values)
    return parse(model, body)


async def find_all(
    request: Request, asked: EntitiesRequest, engine: Engine, settings: ServiceSettings
) -> tuple[str, list[str], list[tuple[Found, ...]]]:
    """Check the options and texts of a request, and recognize the entities of all texts.

    request (Request): The request; used to notice that the client disconnects.
    asked (EntitiesRequest): The parsed body.
    engine (Engine): Recognizes the entities.
    settings (ServiceSettings): Limits of texts and time.
    RETURNS (tuple[str, list[str], list[tuple[Found, ...]]]): Name of the pipeline, the texts, and the entities of each
        text.
    RAISES (Refusal): 422 (invalid option or text), 429 (queue full), 503 (time limit, or the pipeline cannot be
        loaded).
    RAISES (ClientGone): If the client disconnects.
    """
    pipeline, texts = choose_pipeline(asked, engine), asked.all_texts()
    check_number(len(texts), settings.max_texts, "texts", "send fewer, or use /v1/entities/stream")
    for i, text in enumerate(texts):
        check_length(text, "text" if asked.text is not None else f"texts.{i}", settings.max_chars)
    gazetteer = await request_gazetteer(asked.gazetteer, pipeline, engine, settings)
    seconds = settings.seconds_for(sum(map(len, texts)))
    found = await recognize(request.receive, engine, pipeline, texts, seconds, gazetteer) if texts else []
    check_labels(asked, pipeline)  # again: the pipeline is loaded now, so its labels are known
    return pipeline.name, texts, found


def check_number(n: int, limit: int, field: str, remedy: str) -> None:
    """Check the number of texts of a request.

    n (int): Number of texts.
    limit (int): Largest allowed number.
    field (str): Name of the field that holds the texts, for the message.
    remedy (str): Advice to the client, which ends the message.
    RAISES (Refusal): 422 if `n` exceeds `limit`.
    """
    if n > limit:
        problem = f"there are {n:,}, more than the limit of {limit:,}; {remedy}"
        raise Refusal(422, Errors.ZT508.format(field=field, problem=problem))


def check_length(text: str, field: str, limit: int) -> None:
    """Check the length of a text.

    text (str): The text.
    field (str): Name of the field that holds the text, for the message.
    limit (int): Largest number of characters.
    RAISES (Refusal): 422 if the text is longer.
    """
    if len(text) > limit:
        problem = f"has {len(text):,} characters, more than the limit of {limit:,}; split the text"
        raise Refusal(422, Errors.ZT508.format(field=field, problem=problem))


async def request_gazetteer(
    words: GazetteerWords | None, pipeline: ServedPipeline, engine: Engine, settings: ServiceSettings
) -> RequestGazetteer | None:
    """Check and build the gazetteer of a request. If the labels of the pipeline are unknown, it is loaded first.

    words (Optional[GazetteerWords]): Words by label, from the request.
    pipeline (ServedPipeline): The pipeline of the request.
    engine (Engine): Loads the pipeline.
    settings (ServiceSettings): Limits of the number and length of words.
    RETURNS (Optional[RequestGazetteer]): The gazetteer; None if the request has no words.
    RAISES (Refusal): 422 for an invalid word, for an unknown label, and, unless the request sets `override`, for a
        label that no recognizer of the pipeline predicts; 503 if the pipeline cannot be loaded.
    """
    if words is None:
        return None
    if pipeline.labels is None:
        (empty,) = engine.submit(pipeline, [""])
        try:
            await await_in_time(empty, settings.timeout)
        finally:
            engine.withdraw([empty])
    for label in words.words:
        _check_label(label, pipeline.labels or ())
        if label not in pipeline.evidence_labels and not words.override:
            raise Refusal(422, Errors.ZT609.format(label=label, labels=", ".join(pipeline.evidence_labels) or "none"))
    return make_gazetteer(words, settings)


def _check_label(label: str, known: Sequence[str]) -> None:
    """Raise a `Refusal` with status 422 if a label of a request is not in `known`, the labels of the pipeline."""
    if label not in known:
        raise Refusal(422, Errors.ZT516.format(label=label[:80], labels=", ".join(known)))


async def recognize(
    receive: Receive,
    engine: Engine,
    pipeline: ServedPipeline,
    texts: Sequence[str],
    timeout: float,
    gazetteer: RequestGazetteer | None = None,
) -> list[tuple[Found, ...]]:
    """Recognize the entities of texts. Cancel the texts if the client disconnects or the time limit is over.

    receive (Receive): ASGI `receive` of a request whose body was read. It is awaited to notice a disconnection.
    engine (Engine): Recognizes the entities.
    pipeline (ServedPipeline): The pipeline.
    texts (Sequence[str]): The texts.
    timeout (float): Time limit in seconds.
    gazetteer (Optional[RequestGazetteer]): Gazetteer that is used for these texts only.
    RETURNS (list[tuple[Found, ...]]): The entities of each text.
    RAISES (Refusal): 422 (the pipeline fails at a text), 429 (queue full), 503 (time limit, or the pipeline cannot be
        loaded).
    RAISES (ClientGone): If the client disconnects.
    """
    queued = engine.submit(pipeline, texts, gazetteer)
    results = asyncio.gather(*(asyncio.wrap_future(each.future) for each in queued))
    results.add_done_callback(
        lambda done: done.cancelled() or done.exception()
    )  # reads the error: asyncio logs unread ones
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
    """Await the entities of a queued text. After an error, the caller must withdraw the text from the engine.

    queued (QueuedText): The text.
    timeout (float): Time limit in seconds.
    RETURNS (tuple[Found, ...]): The entities.
    RAISES (Refusal): 422 if the pipeline fails, 503 if the time limit is over or the pipeline cannot be loaded.
    """
    try:
        return await asyncio.wait_for(asyncio.wrap_future(queued.future), timeout)
    except (asyncio.TimeoutError, TimeoutError):  # different classes before Python 3.11
        raise Refusal(503, Errors.ZT512.format(seconds=timeout), retry_after=5) from None


async def disconnect(receive: Receive) -> None:
    """Return when the client disconnects.

    receive (Receive): ASGI `receive` of a request whose body was read. Its other messages are dropped.
    """
    while (await receive())["type"] != "http.disconnect":
        pass
