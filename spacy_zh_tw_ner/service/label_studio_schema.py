"""Pydantic models of the requests of Label Studio, and of the responses that it expects."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, StrictStr

from ..corpora.formats.label_studio_config import EXAMPLE
from .schema import TEXT


class ProjectRequest(BaseModel):
    """Base of `/setup` and `/predict` requests, which have the id of the Label Studio project (`project`).

    Other fields that Label Studio sends, such as its access token, are ignored and not stored.
    """

    model_config = ConfigDict(extra="ignore")

    project: StrictStr | StrictInt | None = Field(None, description="Id of the project, for warnings in the log.")

    @property
    def project_name(self) -> str:
        """Id of the project for log messages: at most 40 characters, with `ascii` escapes."""
        return ascii(str(self.project)[:40])


class SetupRequest(ProjectRequest):
    """Body of `/setup`. Label Studio sends it when a project is connected, and before it asks for predictions.

    The field `schema`, which is the attribute `config` here, is the labelling configuration as XML.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"project": "1", "schema": EXAMPLE}]})

    config: StrictStr | None = Field(None, alias="schema", description="The labelling configuration of the project.")


class Task(BaseModel):
    """A task of Label Studio: its id, and its data, which maps field names to texts and other values."""

    model_config = ConfigDict(extra="ignore")

    id: JsonValue = None
    data: dict[StrictStr, JsonValue]


class PredictRequest(ProjectRequest):
    """Body of `/predict`: the tasks whose entities are recognized, and the labelling configuration."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tasks": [{"id": 1, "data": {"text": TEXT}}], "label_config": EXAMPLE}]}
    )

    tasks: Annotated[list[Task], Field(fail_fast=True)]
    label_config: StrictStr | None = Field(
        None, description="The labelling configuration. If missing, the field `text` gets all labels of the pipeline."
    )


class EventRequest(BaseModel):
    """Body of `/webhook`: an event, such as a created annotation, with its annotations and tasks."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "action": "ANNOTATION_CREATED",
                    "annotation": {"id": 1, "result": [], "updated_at": "2026-11-30T00:00:00Z"},
                    "task": {"id": 1, "data": {"text": TEXT}},
                }
            ]
        },
    )

    action: StrictStr
    annotation: JsonValue = None
    annotations: JsonValue = None
    task: JsonValue = None
    tasks: JsonValue = None


class ModelVersion(BaseModel):
    """Response of `/setup`: the version of the served pipeline."""

    model_version: str


class ModelVersions(BaseModel):
    """Response of `/versions`: a list whose only element is the version of the served pipeline."""

    versions: list[str]


class PredictAnswer(BaseModel):
    """Response of `/predict`: one prediction per task, in the order of the request, and the version of the pipeline.

    A prediction has the fields `result` (a list of regions, one per entity), `score` (the lowest score of the entities;
    missing if no entity has a score) and `model_version`.
    """

    results: list[dict[str, Any]]
    model_version: str


class Saved(BaseModel):
    """Response of `/webhook`: the number of lines that were appended to the file of annotations."""

    saved: int
