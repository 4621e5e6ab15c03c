"""doccano's auto-labelling with the request and the mapping template of the docs."""

import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Template

from .conftest import Running
from .test_app import FAMILY, SENTENCE, found

PAGE = Path(__file__).parents[2] / "docs" / "label-studio.md"


def documented(part: str) -> str:
    """Return the code block of the page that contains a text."""
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if part in block)
    return str(block)


def test_the_documented_template_maps_an_answer_to_labels(service: Running) -> None:
    request: dict[str, Any] = json.loads(documented("/v1/entities"))
    template = Template(documented("input.results"))
    assert request["body"] == {"text": "{{ text }}"}
    for text in (SENTENCE, FAMILY, "沒有", '"引號"與\\反斜線'):
        # doccano puts the text in the place of this value, and renders the template with the answer as `input`.
        response = service.client.request(
            request["method"],
            request["url"].partition("8000")[2],
            params=request["params"],
            headers=request["headers"],
            json={"text": text},
        )
        labels = json.loads(template.render(input=response.json()))
        (entities,) = found(response)
        assert labels == [
            {"start_offset": entity["start"], "end_offset": entity["end"], "label": entity["label"]}
            for entity in entities
        ]
        assert [text[label["start_offset"] : label["end_offset"]] for label in labels] == [e["text"] for e in entities]
    assert len(found(service.ask({"text": SENTENCE}))[0]) == 3
