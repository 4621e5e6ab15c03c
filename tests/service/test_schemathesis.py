"""Whatever schemathesis thinks of is answered as the OpenAPI document says, and never with a 500."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Running

schemathesis = pytest.importorskip("schemathesis")
MODES = schemathesis.GenerationMode
OPERATIONS = [
    "GET /healthz",
    "GET /metrics",
    "GET /readyz",
    "GET /v1/service",
    "POST /v1/entities",
    "POST /v1/entities/stream",
    "POST /v1/mask",
]
# Labels and pipelines that match the schema may be unknown to the service, which says so with 422.
EXCLUDED = [schemathesis.checks.positive_data_acceptance]
# It thinks of bodies that are too long, too.
REFUSED = {400, 413, 415, 422}
CONFIG = {"checks": {"negative_data_rejection": {"expected-statuses": sorted(REFUSED)}}}
# What it cannot write itself
FIELDS = st.dictionaries(st.sampled_from(["id", "text", "gazetteer"]), st.text() | st.none() | st.integers())
LINES = st.lists(FIELDS.map(json.dumps) | st.text(st.characters(codec="utf-8")), max_size=5)
NDJSON = {"Content-Type": "application/x-ndjson"}


@schemathesis.serializer(NDJSON["Content-Type"])  # type: ignore[untyped-decorator]
def write_lines(context: Any, value: Any) -> bytes:
    """It needs to know some way, though what is sent is `LINES`."""
    return json.dumps(value).encode()


def operations_of(url: str) -> dict[str, Any]:
    config = schemathesis.Config.from_dict(CONFIG)
    api = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    return {operation.ok().label: operation.ok() for operation in api.get_all_operations()}


@pytest.fixture(scope="module")
def operations(service: Running) -> dict[str, Any]:
    return operations_of(service.url)


def test_the_document_describes_what_is_tried_here(operations: dict[str, Any]) -> None:
    assert sorted(operations) == OPERATIONS


def try_all(operation: Any, mode: Any) -> set[int]:
    """Send what it thinks of, check the answers, and return their statuses."""
    seen: set[int] = set()
    # A stream is sent lines of ours, whatever the body is that it thinks of, and they may be in order.
    ours = [schemathesis.checks.negative_data_rejection] if operation.path.endswith("stream") else []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), lines=LINES)
    def answer(case: Any, lines: list[str]) -> None:
        call = {"data": "\n".join(lines).encode(), "headers": NDJSON} if operation.path.endswith("stream") else {}
        seen.add(case.call_and_validate(excluded_checks=EXCLUDED + ours, **call).status_code)

    answer()
    return seen


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_is_as_described_is_answered_as_described(operations: dict[str, Any], label: str) -> None:
    assert 200 in try_all(operations[label], MODES.POSITIVE) <= {200, 422}


@pytest.mark.parametrize("label", [label for label in OPERATIONS if label.startswith("POST")])
def test_what_is_not_is_refused(operations: dict[str, Any], label: str) -> None:
    assert try_all(operations[label], MODES.NEGATIVE) <= {200, *REFUSED}


@pytest.mark.parametrize("label", ["POST /v1/entities", "POST /v1/entities/stream", "GET /v1/service", "GET /metrics"])
def test_nobody_guesses_the_key(start: Callable[..., Running], label: str) -> None:
    assert try_all(operations_of(start(api_key="s3cret").url)[label], MODES.POSITIVE) == {401}
