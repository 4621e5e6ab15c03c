"""One tree of errors, each with the code of its message."""

import ast
import copy
import inspect
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from spacy_zh_tw_ner import errors
from spacy_zh_tw_ner.errors import (
    CorpusError,
    Errors,
    MissingExtraError,
    SettingError,
    UnknownFormatError,
    UnreadableFileError,
    UsageError,
    Warnings,
    ZhTwNerError,
    exceptions,
)

PACKAGE = Path(errors.__file__).parents[1]
TREE = {name: kind for name, kind in vars(exceptions).items() if inspect.isclass(kind) and name.endswith("Error")}
# Classes outside of the tree whose first argument may be a message, and why
OTHERS: dict[str, str] = {}


@pytest.mark.parametrize("kind", TREE.values())
def test_all_are_errors_of_the_package_with_a_code(kind: type[ZhTwNerError]) -> None:
    error = kind(Errors.ZT203.format(path="a"))
    assert isinstance(error, ZhTwNerError)
    assert isinstance(error, ValueError)
    assert error.code == "ZT203"
    assert str(error).startswith("[ZT203] a holds")


@pytest.mark.parametrize("kind", TREE.values())
def test_copies_of_an_error_keep_its_code(kind: type[ZhTwNerError]) -> None:
    error = kind(Errors.ZT203.format(path="a"))
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(other), str(other), other.code) == (kind, str(error), "ZT203")


def test_an_error_around_another_keeps_its_code() -> None:
    inner = SettingError(Errors.ZT106.format(value=2))
    assert UnreadableFileError(f"{inner} (read from a)", inner.code).code == "ZT106"
    assert ZhTwNerError("a text without a code").code == ""


def test_a_message_keeps_its_code_when_it_is_filled_in() -> None:
    assert Errors.ZT001.code == Errors.ZT001.format(code=1, index=2).code == "ZT001"
    assert pickle.loads(pickle.dumps(Warnings.ZT902)).code == "ZT902"


def test_whoever_catches_the_wider_class_gets_the_narrower() -> None:
    assert issubclass(UnknownFormatError, CorpusError)
    assert issubclass(UsageError, SettingError)
    assert issubclass(MissingExtraError, ImportError)


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = dict[str, str]()
    parents: list[str] = []
    for indent, name in re.findall(r"^    ([│├└─ ]*)(\w+Error)\b", exceptions.__doc__ or "", re.MULTILINE):
        parents = parents[: len(indent) // 4]
        drawn[name] = parents[-1] if parents else ""
        parents.append(name)
    assert drawn.pop("ValueError") == ""
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in TREE.items()}


def messages() -> Iterator[tuple[Path, type, list[str]]]:
    """The classes of messages, with the codes of each in the order of the file."""
    for base in (*Errors.__bases__, *Warnings.__bases__):
        yield Path(inspect.getfile(base)), base, [name for name in vars(base) if name.startswith("ZT")]


def test_codes_are_ordered_and_used_once() -> None:
    found = [code for _, _, codes in messages() for code in codes]
    assert len(found) == len(set(found))
    for path, base, codes in messages():
        assert codes == sorted(codes), (path, base)


def test_every_code_has_a_use_and_every_use_a_code() -> None:
    known = {code for _, _, codes in messages() for code in codes}
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.parent.name != "errors"]
    used = {code for source in sources for code in re.findall(r"\b(?:Errors|Warnings)\.(ZT\d{3})\b", source)}
    assert used == known


def raises_with_a_message() -> Iterator[tuple[str, str]]:
    """Calls of exception classes with a message of `Errors`: place, name of the class."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in (raised.exc for raised in ast.walk(tree) if isinstance(raised, ast.Raise)):
            if isinstance(node, ast.Call) and any("Errors.ZT" in ast.unparse(argument) for argument in node.args):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", ast.unparse(node.func)


def classes_in(source: str) -> dict[str, set[str]]:
    """Name of each class in a module → names of its bases."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))
    return {node.name: {ast.unparse(base) for base in node.bases} for node in nodes}


def test_every_message_is_raised_with_a_class_of_the_tree() -> None:
    bases: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        bases |= classes_in(path.read_text(encoding="utf-8"))

    def is_ours(name: str) -> bool:
        return name in TREE or any(map(is_ours, bases.get(name, ())))

    found = list(raises_with_a_message())
    assert len(found) > 150
    assert {place: name for place, name in found if not is_ours(name) and name not in OTHERS} == {}


def test_no_code_searches_a_message_for_a_code() -> None:
    wrong = re.compile(r"""["'][^"']*\[ZT(\d{3})?[^"']*["'] (not )?in |startswith\(["']\[ZT""")
    assert {str(p) for p in PACKAGE.rglob("*.py") if wrong.search(p.read_text(encoding="utf-8"))} == set()


# Errors in a value of the command line that its parser cannot check
USAGE = ("ZT004", "ZT245", "ZT370", "ZT445", "ZT446", "ZT501", "ZT503", "ZT521", "ZT528", "ZT574", "ZT601")


def test_errors_of_the_command_line_exit_with_2() -> None:
    found = [
        (code, ast.unparse(node.func))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for code in re.findall(r"^Errors\.(ZT\d{3})", " ".join(map(ast.unparse, node.args)))
        if code in USAGE
    ]
    assert set(found) == {(code, "UsageError") for code in USAGE}
