"""Back end for Label Studio: predictions with the labels of a project, and collection of its annotations."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from fastapi import Request

from ..corpora.formats.label_studio import least_score, text_regions
from ..corpora.formats.label_studio_config import CONTROL, TEXT, SpanControl, read_label_config
from ..corpora.formats.label_studio_webhook import EventError, event_lines
from ..entities import Entity, Found
from ..errors import CorpusError, Errors, Warnings
from .annotation_file import AnnotationFile
from .engine import Engine
from .http_errors import Refusal
from .inference import check_length, check_number, recognize
from .label_studio_schema import (
    EventRequest,
    ModelVersion,
    ModelVersions,
    PredictRequest,
    ProjectRequest,
    Saved,
    SetupRequest,
    Task,
)
from .model_cache import ServedPipeline
from .responses import dump
from .settings import ServiceSettings

MOST_REPORTS = 1_000  # different warnings that are logged once each; more are logged again
MOST_NAMED = 20  # labels named in a warning
FoundT: TypeAlias = Mapping[tuple[int, str], tuple[str, Sequence[Found]]]  # task, field → text and its entities
log = logging.getLogger(__name__)


class LabelStudioBackend:
    """Answers the requests of Label Studio with the default pipeline.

    engine (Engine): Recognizes entities.
    settings (ServiceSettings): Limits, and the file of annotations.
    """

    def __init__(self, engine: Engine, settings: ServiceSettings) -> None:
        self._engine, self._settings = engine, settings
        self._reported: set[str] = set()
        self._file = None
        if settings.annotations is not None:
            self._file = AnnotationFile(settings.annotations, settings.max_annotations)

    async def setup(self, asked: SetupRequest) -> ModelVersion:
        """Check the labelling configuration of a project, and compare its labels with those of the pipeline.

        Warnings in the log list the labels that only the project has, and those that only the pipeline has.

        asked (SetupRequest): The parsed body, with the labelling configuration and the name of the project.
        RETURNS (ModelVersion): The version of the pipeline.
        RAISES (Refusal): 422 if the project has no labels for texts.
        """
        pipeline = self._engine.pipeline()
        controls, predicted = _controls(asked.config, pipeline), pipeline.labels or ()
        matched = {control.label(label) for control in controls for label in predicted}
        new = {label for control in controls for label in control.labels.values()} - matched
        if new:
            labels = _listed(sorted(new))
            self._report(Warnings.ZT748.format(project=asked.project_name, name=pipeline.name, labels=labels))
        self._report_left_out(asked, pipeline, [label for label in predicted if not _target(label, controls)])
        return ModelVersion(model_version=pipeline.version)

    async def predict(self, request: Request, asked: PredictRequest) -> bytes:
        """Recognize the entities of tasks.

        request (Request): The request; used to notice that the client disconnects.
        asked (PredictRequest): The parsed body.
        RETURNS (bytes): A `PredictAnswer` as JSON in UTF-8, with a prediction for each task; it has no results if the
            task has no text.
        RAISES (Refusal): 422 for an unusable labelling configuration, too many or too long texts, or a text at which
            the pipeline fails; 429 if the queue is full; 503 after the time limit, or if the pipeline cannot be loaded.
        RAISES (ClientGone): If the client disconnects.
        """
        pipeline, settings = self._engine.pipeline(), self._settings
        controls = _controls(asked.label_config, pipeline)
        remedy = "select fewer tasks, or ask the operator to raise --max-texts"
        check_number(len(asked.tasks), settings.max_texts, "tasks", remedy)
        texts: dict[tuple[int, str], str] = {}
        for field in dict.fromkeys(control.field for control in controls):
            for i, task in enumerate(asked.tasks):
                text = task.data.get(field)
                if isinstance(text, str):
                    check_length(text, f"tasks.{i}.data", settings.max_chars)
                    texts[i, field] = text
                else:
                    self._report(Warnings.ZT747.format(project=asked.project_name, field=field[:40]))
        check_number(len(texts), settings.max_texts, "tasks", remedy)
        seconds = settings.seconds_for(sum(map(len, texts.values())))
        entities: list[tuple[Found, ...]] = []
        if texts:
            entities = await recognize(request.receive, self._engine, pipeline, list(texts.values()), seconds)
        found = {key: (text, ents) for (key, text), ents in zip(texts.items(), entities, strict=True)}
        left_out = {ent.label for ents in entities for ent in ents if not _target(ent.label, controls)}
        self._report_left_out(asked, pipeline, sorted(left_out))
        return await asyncio.to_thread(_dump_predictions, asked.tasks, controls, found, pipeline.version)

    async def save(self, event: EventRequest) -> Saved:
        """Append the annotations of an event to the file of annotations.

        event (EventRequest): The event.
        RETURNS (Saved): Number of appended lines: one for each created or changed annotation, or one for an event that
            deletes some; 0 for any other event.
        RAISES (Refusal): 403 without an API key, 404 if no annotations are collected, 422 for an incomplete event, 503
            or 507 if the file cannot be written.
        """
        if not self._settings.api_key:
            raise Refusal(403, Errors.ZT739.format(route="/webhook"))
        if self._file is None:
            raise Refusal(404, Errors.ZT741)
        try:
            lines = event_lines(event.model_dump())
        except EventError as error:
            raise Refusal(422, Errors.ZT508.format(field="the top level", problem=error)) from None
        if lines:
            await asyncio.to_thread(self._file.append, lines)
        return Saved(saved=len(lines))

    def versions(self) -> ModelVersions:
        """Return the version of the served pipeline."""
        return ModelVersions(versions=[self._engine.pipeline().version])

    def _report_left_out(self, asked: ProjectRequest, pipeline: ServedPipeline, labels: Sequence[str]) -> None:
        if labels:
            values = {"project": asked.project_name, "name": pipeline.name, "labels": _listed(labels)}
            self._report(Warnings.ZT746.format(**values))

    def _report(self, message: str) -> None:
        """Log a warning, unless the same was logged before."""
        if message not in self._reported:
            if len(self._reported) >= MOST_REPORTS:
                self._reported.clear()
            self._reported.add(message)
            log.warning(message)


def _controls(config: str | None, pipeline: ServedPipeline) -> tuple[SpanControl, ...]:
    """Return the span controls of a labelling configuration: names of tags, field of the text, and labels.

    config (Optional[str]): The configuration (XML). None: one control for the field `text`, with all labels of the
        pipeline.
    RAISES (Refusal): 422 for an invalid configuration, or one without labels for texts.
    """
    if config is None:
        return (SpanControl(CONTROL, TEXT, TEXT, {label: label for label in pipeline.labels or ()}, {}),)
    try:
        return read_label_config(config)
    except CorpusError as error:
        raise Refusal(422, error.message) from None


def _target(label: str, controls: Sequence[SpanControl]) -> tuple[SpanControl, str] | None:
    """Find the label of the project that corresponds to a label of the pipeline.

    It is an equal one or, if there is none, one that differs in upper and lower case only.

    label (str): The label of the pipeline.
    controls (Sequence[SpanControl]): The span controls of the project, with its labels.
    RETURNS (Optional[tuple[SpanControl, str]]): The first control that has a corresponding label, and this label; None
        if no control has one.
    """
    for control in controls:
        found = control.label(label)
        if found is not None:
            return control, found
    return None


def _dump_predictions(tasks: Sequence[Task], controls: Sequence[SpanControl], found: FoundT, version: str) -> bytes:
    """Serialize the predictions of tasks. Call it in a thread: long texts would block the event loop.

    tasks (Sequence[Task]): The tasks of the request.
    controls (Sequence[SpanControl]): The span controls of the project, with its labels.
    found (FoundT): (index of a task, field of a text) → the text and its entities.
    version (str): Version of the pipeline.
    RETURNS (bytes): JSON in UTF-8.
    """
    results = []
    for i, task in enumerate(tasks):
        regions = list(_regions(i, f"{task.id}"[:40], controls, found))
        scores = [region.get("score") for region in regions]
        results.append({"result": regions, **least_score(scores), "model_version": version})
    return dump({"results": results, "model_version": version})


def _regions(i: int, prefix: str, controls: Sequence[SpanControl], found: FoundT) -> Iterator[dict[str, Any]]:
    """Yield the entities of a task as regions of Label Studio. Entities without a label in the project are left out.

    i (int): Index of the task in the request.
    prefix (str): Beginning of the ids of the regions.
    controls (Sequence[SpanControl]): The span controls of the project, with its labels.
    found (FoundT): Index of a task and field of a text → the text and its entities.
    """
    for text_name in dict.fromkeys(control.text for control in controls):
        of_text = [control for control in controls if control.text == text_name]
        text, entities = found.get((i, of_text[0].field), ("", ()))
        by_control: dict[str, list[tuple[Entity, float | None]]] = {control.name: [] for control in of_text}
        for start, end, label, score, _ in entities:
            target = _target(label, of_text)
            if target is not None:
                by_control[target[0].name].append((Entity(start, end, target[1]), score))
        for name, pairs in by_control.items():
            spans, scores = [entity for entity, _ in pairs], [score for _, score in pairs]
            id_ = f"{prefix}-{text_name}-{name}"
            yield from text_regions(text, spans, scores, prefix=id_, from_name=name, to_name=text_name)


def _listed(labels: Sequence[str]) -> str:
    """Join labels for a warning. They are escaped, because a project may have any labels."""
    names = ", ".join(ascii(label[:40]) if not label.isprintable() else label[:40] for label in labels[:MOST_NAMED])
    return names + (f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else "")
