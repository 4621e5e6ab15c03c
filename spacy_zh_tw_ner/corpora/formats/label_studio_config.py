"""Read and write labelling configurations of Label Studio: the XML that defines the labels and texts of a project."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from ...errors import CorpusError, Errors

# Names of the tags in the configurations and exports that this package writes
CONTROL, TEXT = "label", "text"
EXAMPLE = (
    '<View><Labels name="label" toName="text"><Label value="GPE"/></Labels><Text name="text" value="$text"/></View>'
)
LARGEST = 1 << 20  # bytes of a configuration; a label takes about 50
MOST_TAGS, DEEPEST = 20_000, 64
MOST_PAIRS = 100  # pairs of a <Labels> and a <Text> tag
MOST_VIEWS = 4  # <Text> tags of one field: each gets the results of the text again
FIELD = re.compile(r"\$([^\s$]+)")
# Characters that XML 1.0 cannot hold, not even as references
NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Colours of Tableau 10, from which white text differs enough
COLOURS = ("#4e79a7", "#d37295", "#59a14f", "#e15759", "#b07aa1", "#9c755f", "#f28e2b", "#499894", "#79706e", "#8cd17d")


class SpanControl(NamedTuple):
    """A pair of a `<Labels>` and a `<Text>` tag in a labelling configuration: the text of a field gets these labels.

    name: Name of the `<Labels>` tag. The results of the project have it as `from_name`.
    text: Name of the `<Text>` tag. The results of the project have it as `to_name`.
    field: Name of the field of a task that holds the text.
    labels: Label of a pipeline → label of the project. Labels that the project does not have are not keys.
    folded: The same mapping, with `str.casefold` applied to its keys.
    """

    name: str
    text: str
    field: str
    labels: Mapping[str, str]
    folded: Mapping[str, str]

    def label(self, predicted: str) -> str | None:
        """Return the label of the project for a label of a pipeline; None if the project has none for it.

        If no label is equal, upper and lower case are ignored.
        """
        return self.labels.get(predicted) or self.folded.get(predicted.casefold())


@dataclass
class _Tags:
    """Collects the `<Text>`, `<Labels>` and `<Label>` tags of a labelling configuration from XML events.

    The XML parser calls `start` and `end` for each tag.

    texts: Name of a `<Text>` tag → its attribute `value`.
    remote: Names of `<Text>` tags whose texts are loaded from URLs.
    controls: Name and attribute `toName` of each `<Labels>` tag, and its labels: label of a pipeline → label of the
        project.
    open: Names of the tags that are not yet closed, in lower case, the innermost last.
    n: Number of start tags so far.
    """

    texts: dict[str, str] = field(default_factory=dict)
    remote: set[str] = field(default_factory=set)
    controls: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    n: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Store a start tag; raise a CorpusError if the configuration has too many tags or is nested too deeply."""
        tag = tag.lower()
        self.open.append(tag)
        self.n += 1
        if self.n > MOST_TAGS or len(self.open) > DEEPEST:
            raise _unusable(f"it has more than {MOST_TAGS:,} tags, or tags nested deeper than {DEEPEST} levels")
        if tag == "text":
            self.texts[attributes.get("name", "")] = attributes.get("value", "")
            if attributes.get("valueType", "").lower() == "url":
                self.remote.add(attributes.get("name", ""))
        elif tag == "labels":
            self.controls.append((attributes.get("name", ""), attributes.get("toName", ""), {}))
        elif tag == "label" and "labels" in self.open:
            self._add_label(attributes, self.controls[-1][2])

    def end(self, _: str) -> None:
        """Remove the innermost tag from the stack of open tags."""
        self.open.pop()

    @staticmethod
    def _add_label(attributes: dict[str, str], labels: dict[str, str]) -> None:
        # Label Studio writes the alias into results, if a label has one.
        label = attributes.get("alias") or attributes.get("value", "")
        predicted = [name.strip() for name in attributes.get("predicted_values", "").split(",")]
        for name in filter(None, [*predicted, attributes.get("value", ""), label]):
            labels.setdefault(name, label)


def read_label_config(xml: str) -> tuple[SpanControl, ...]:
    """Find all pairs of a `<Labels>` and a `<Text>` tag in a labelling configuration.

    A `<Label>` tag stands for several labels of a pipeline: its `value`, its `alias`, and each of its
    `predicted_values`, which are separated by commas.

    xml (str): The configuration. Because it may be malicious, a document type declaration is refused: it can define
        entities that expand without limit.
    RETURNS (tuple[SpanControl, ...]): The pairs, at least one.
    RAISES (CorpusError): If the configuration is not XML or is too large, or if it has no `<Labels>` tag for a `<Text>`
        tag that shows a field of the task.
    """
    data = xml.encode("utf-8", "surrogatepass")
    if len(data) > LARGEST:
        raise _unusable(f"it has {len(data):,} bytes, more than the limit of {LARGEST:,}")
    parser, tags = expat.ParserCreate("utf-8"), _Tags()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler, parser.EndElementHandler = tags.start, tags.end
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise _unusable(f"it is not valid XML ({error})") from None
    # Matched once per tag: `toName` may name a long `value` a hundred thousand times.
    fields = {text: FIELD.fullmatch(value.strip()) for text, value in tags.texts.items()}
    controls = []
    problem = "it has no <Labels> tag whose `toName` is the name of a <Text> tag"
    for name, targets, labels in tags.controls:
        folded = {key.casefold(): label for key, label in reversed(labels.items())}
        for text in dict.fromkeys(target.strip() for target in targets.split(",")):
            if text not in fields:
                continue
            found = fields[text]
            if found is None:
                problem = f"the `value` of the <Text> tag {text[:40]!r} is not the name of one field, such as $text"
            elif text in tags.remote:
                problem = f"the <Text> tag {text[:40]!r} loads its texts from URLs, which are never opened here"
            else:
                controls.append(SpanControl(name, text, found[1], labels, folded))
            if len(controls) > MOST_PAIRS:
                raise _unusable(f"it has more than {MOST_PAIRS} pairs of a <Labels> and a <Text> tag")
    if not controls:
        raise _unusable(problem)
    views = Counter(name for name, _ in {(control.field, control.text) for control in controls})
    shown, n_views = views.most_common(1)[0]
    if n_views > MOST_VIEWS:
        raise _unusable(f"it shows the field {shown[:40]!r} in {n_views} <Text> tags, more than {MOST_VIEWS}")
    return tuple(controls)


def write_label_config(labels: Iterable[str]) -> str:
    """Return a labelling configuration for texts in the field `text`, as in the files of `write_label_studio`.

    labels (Iterable[str]): The labels, in the order of their hotkeys. `in_xml` must be True for each of them.
    RETURNS (str): The configuration as XML.
    """
    rows = [
        f"    <Label value={quoteattr(label)} background={quoteattr(COLOURS[i % len(COLOURS)])}/>"
        for i, label in enumerate(labels)
    ]
    opened = f'<View>\n  <Labels name="{CONTROL}" toName="{TEXT}">'
    closed = f'  </Labels>\n  <Text name="{TEXT}" value="${TEXT}"/>\n</View>\n'
    return "\n".join([opened, *rows, closed])


def in_xml(label: str) -> bool:
    """Return whether a label can be written in a labelling configuration: whether XML 1.0 allows its characters."""
    return NOT_XML.search(label) is None


def _refuse_doctype(*_: object) -> None:
    raise _unusable("it has a document type (<!DOCTYPE>), which is not supported")


def _unusable(problem: str) -> CorpusError:
    return CorpusError(Errors.ZT743.format(problem=problem, example=EXAMPLE))
