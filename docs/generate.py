"""Generate the pages that follow the code: `python docs/generate.py` writes configuration.md and troubleshooting.md."""

import importlib
import inspect
import json
import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_zh_tw_ner.errors import Errors, Warnings

DOCS = Path(__file__).parent
GROUPS = {
    "spacy_factories": "Components",
    "spacy_tokenizers": "Tokenizers",
    "spacy_architectures": "Architectures",
    "spacy_span_getters": "Windows",
    "spacy_misc": "Settings of a Transformer",
    "thinc_optimizers": "Optimizers",
    "thinc_schedules": "Schedules",
    "spacy_readers": "Corpus readers",
    "spacy_augmenters": "Augmenters",
    "spacy_callbacks": "Callbacks",
    "spacy_loggers": "Loggers",
    "spacy_scorers": "Scorers",
}
FILLED_BY_SPACY = ("nlp", "name", "model", "scorer", "vocab")
# The start of an entry of a docstring: "name (type): ", "name: ", or several names before one colon
ENTRY = re.compile(r"^((?:\w+(?: \([^\n]*?\))?(?:, )?)+): ", re.MULTILINE)
NAME = re.compile(r"(\w+)(?: \([^\n]*?\))?(?:, |$)")
REFERENCE = re.compile(r"(?:settings are those of|[Aa]rguments as in|is as in|as of)\s+`?(\w+)`?")


def entry_points(group: str) -> dict[str, Any]:
    """Return the registered objects of a group of setup.cfg, by name."""
    setup = ConfigParser(interpolation=None)
    setup.optionxform = str  # type: ignore[assignment,method-assign]
    setup.read(DOCS.parent / "setup.cfg", encoding="utf-8")
    found = {}
    for line in setup["options.entry_points"][group].strip().splitlines():
        name, _, target = (part.strip() for part in line.partition("="))
        module, _, attribute = target.partition(":")
        found[name] = getattr(importlib.import_module(module), attribute)
    return found


def describe(function: Any) -> tuple[str, dict[str, str]]:
    """Return the summary of a registered function, and the meaning of each argument.

    A docstring may refer to that of a class or function that its module has, or describe the class that is returned.
    """
    texts = [inspect.getdoc(function) or ""]
    built = inspect.signature(function).return_annotation if not inspect.isclass(function) else None
    named = built.strip("\"'") if isinstance(built, str) else getattr(built, "__name__", "")
    others = [(function, name) for name in (named, *_references(texts[0]))]
    while others:
        place, name = others.pop(0)
        other = getattr(inspect.getmodule(place), name, None)
        if other is not None:
            texts.append(inspect.getdoc(other) or "")
            others += [(other, more) for more in _references(texts[-1])]
    arguments = {name: meaning for text in reversed(texts) for name, meaning in _entries(text).items()}
    own = re.sub(r"^Registered as `[^`]*`(, for [^.]*\.|[:.;]) ?", "", texts[0]).strip()
    refers = not own or ENTRY.match(own) or re.match(r"Build the component|[Tt]he settings are|Arguments as in", own)
    summary = next((text for text in texts[1:] if text), own) if refers else own
    return " ".join(summary.split("\n\n")[0].split()), arguments


def _references(text: str) -> list[str]:
    return REFERENCE.findall(text)


def _entries(text: str) -> dict[str, str]:
    """Return the meaning of each argument that a docstring lists."""
    starts = [*ENTRY.finditer(text)]
    ends = [match.start() for match in starts[1:]] + [len(text)] * bool(starts)
    return {
        name: " ".join(text[match.end() : end].split("\n\n", maxsplit=1)[0].split())
        for match, end in zip(starts, ends, strict=True)
        for name in NAME.findall(match[1])
    }


def configuration() -> str:
    """Write the reference of all registered names, with their settings."""
    lines = [
        "# Configuration reference",
        "",
        "Names that a config may use. This page is generated from the registry.",
        "",
        "A complete config is `configs/bilstm.cfg`. `tok2vec` of the head is any spaCy token-to-vector model: one of",
        "spaCy's, a `Tok2VecListener`, a `TransformerListener`, or one of these.",
        "",
        "```ini",
        *(DOCS / "example.cfg").read_text(encoding="utf-8").strip().splitlines(),
        "```",
    ]
    for group, title in GROUPS.items():
        lines += ["", f"## {title}"]
        for name, function in entry_points(group).items():
            summary, arguments = describe(function)
            defaults = Language.get_factory_meta(name).default_config if group == "spacy_factories" else {}
            lines += ["", f"### `{name}`", "", summary[:1].upper() + summary[1:]]
            parameters = [
                p
                for p in inspect.signature(function).parameters.values()
                if not (group in ("spacy_factories", "spacy_scorers") and p.name in FILLED_BY_SPACY)
            ]
            if parameters:
                lines += ["", "| setting | default | meaning |", "|---|---|---|"]
            for parameter in parameters:
                given = defaults.get(parameter.name, parameter.default)
                default = "required" if given is parameter.empty else f"`{json.dumps(given)}`"
                meaning = arguments.get(parameter.name, "").replace("|", "\\|")
                lines.append(f"| `{parameter.name}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def troubleshooting() -> str:
    """Write all messages by code."""
    lines = [
        "# Troubleshooting",
        "",
        "Every message begins with a code. Exit status 1: the operation failed. 2: the command line is wrong, or",
        "`plan` does not fit. 130: interrupted. `--verbose` adds the traceback.",
        "",
        "`[E002] Can't find factory for 'zh_tw_crf_ner'` means that the package is not installed in the Python that",
        "runs.",
        "",
        "This page is generated from the messages; words in braces stand for the value seen.",
    ]
    for title, table in (("Errors", Errors), ("Warnings", Warnings)):
        lines += ["", f"## {title}", "", "| code | message |", "|---|---|"]
        codes = sorted(name for name in dir(table) if name.startswith("ZT"))
        for code in codes:
            message = str(getattr(table, code)).removeprefix(f"[{code}] ")
            lines.append(f"| {code} | {_escape(' '.join(message.split()))} |")
    return "\n".join(lines) + "\n"


def _escape(message: str) -> str:
    """Escape what Markdown would interpret, outside of code."""
    parts = message.replace("|", "\\|").split("`")
    parts[::2] = [re.sub(r"([<>*_])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


PAGES = {"configuration.md": configuration, "troubleshooting.md": troubleshooting}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (DOCS / page).write_text(write(), encoding="utf-8")
