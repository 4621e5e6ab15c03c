"""Test the exception classes and the codes of their messages."""

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
# Classes outside of the tree whose first argument may be a message → reason
OTHERS: dict[str, str] = {}


@pytest.mark.parametrize("kind", TREE.values())
def test_every_class_is_a_value_error_with_a_code(kind: type[ZhTwNerError]) -> None:
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


def test_error_that_wraps_another_keeps_its_code() -> None:
    inner = SettingError(Errors.ZT106.format(value=2))
    assert UnreadableFileError(f"{inner} (read from a)", inner.code).code == "ZT106"
    assert ZhTwNerError("a text without a code").code == ""


def test_formatted_message_keeps_its_code() -> None:
    assert Errors.ZT001.code == Errors.ZT001.format(code=1, index=2).code == "ZT001"
    assert pickle.loads(pickle.dumps(Warnings.ZT902)).code == "ZT902"


def test_subclasses_have_their_documented_bases() -> None:
    assert issubclass(UnknownFormatError, CorpusError)
    assert issubclass(UsageError, SettingError)
    assert issubclass(MissingExtraError, ImportError)


def test_tree_in_the_docstring_matches_the_classes() -> None:
    drawn = dict[str, str]()
    parents: list[str] = []
    for indent, name in re.findall(r"^    ([│├└─ ]*)(\w+Error)\b", exceptions.__doc__ or "", re.MULTILINE):
        parents = parents[: len(indent) // 4]
        drawn[name] = parents[-1] if parents else ""
        parents.append(name)
    assert drawn.pop("ValueError") == ""
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in TREE.items()}


def messages() -> Iterator[tuple[Path, type, list[str]]]:
    """Yield file, class and codes, in the order of the file, of each class of messages."""
    for base in (*Errors.__bases__, *Warnings.__bases__):
        yield Path(inspect.getfile(base)), base, [name for name in vars(base) if name.startswith("ZT")]


def test_codes_are_ordered_and_used_once() -> None:
    found = [code for _, _, codes in messages() for code in codes]
    assert len(found) == len(set(found))
    for path, base, codes in messages():
        assert codes == sorted(codes), (path, base)


def test_every_code_is_used_and_every_used_code_exists() -> None:
    known = {code for _, _, codes in messages() for code in codes}
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.parent.name != "errors"]
    used = {code for source in sources for code in re.findall(r"\b(?:Errors|Warnings)\.(ZT\d{3})\b", source)}
    assert used == known


def raises_with_a_message() -> Iterator[tuple[str, str]]:
    """Yield place and class name of each `raise` with a message of `Errors`."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in (raised.exc for raised in ast.walk(tree) if isinstance(raised, ast.Raise)):
            if isinstance(node, ast.Call) and any("Errors.ZT" in ast.unparse(argument) for argument in node.args):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", ast.unparse(node.func)


def classes_in(source: str) -> dict[str, set[str]]:
    """Return the name of each class in a module → the names of its bases."""
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


def test_package_compares_codes_and_not_message_texts() -> None:
    wrong = re.compile(r"""["'][^"']*\[ZT(\d{3})?[^"']*["'] (not )?in |startswith\(["']\[ZT""")
    assert {str(p) for p in PACKAGE.rglob("*.py") if wrong.search(p.read_text(encoding="utf-8"))} == set()


# Codes of errors about command-line values that the parser does not check
USAGE = (
    "ZT004",
    "ZT245",
    "ZT370",
    "ZT445",
    "ZT446",
    "ZT501",
    "ZT503",
    "ZT521",
    "ZT528",
    "ZT574",
    "ZT601",
    "ZT740",
    "ZT742",
)


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
