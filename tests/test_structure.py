"""Check the structure of the package: sizes of modules, names of classes, circular and forbidden imports.

Exceptions from the sizes are listed by name, with the reason. An exception that is no longer needed fails the test.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import spacy_zh_tw_ner

ROOT = Path(__file__).parents[1]
PACKAGE, FOLDER = spacy_zh_tw_ner.__name__, Path(spacy_zh_tw_ner.__file__).parent
SHORTEST, LONGEST = 40, 300  # lines

SIZES = {  # modules of another size
    "cli/ensemble.py": "one file for each command",
    "cli/fetch_base.py": "one file for each command",
    "cli/from_hf.py": "one file for each command",
    "cli/in_spacy.py": "the entry point of `python -m spacy`",
    "cli/unmask.py": "one file for each command",
    "cli/visualize.py": "one file for each command",
    "components/calibration.py": "training on held-out gold, apart from prediction",
    "taiwan/widths.py": "shared by the validators and the scanner",
    "process_memory.py": "shared by layers that import nothing else of each other",
}


@cache
def modules() -> dict[Path, ast.Module]:
    """Return the syntax tree of each module, by its path in the package."""
    return {path.relative_to(FOLDER): parse(path) for path in sorted(FOLDER.rglob("*.py"))}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module, module: str = "", *, is_package: bool = False) -> Iterator[str]:
    """Yield the dotted names that a module imports at any place: modules, or names in modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def at_module_level(tree: ast.Module) -> ast.Module:
    """Return the tree without functions, whose imports run later; `if TYPE_CHECKING` blocks are kept."""

    class WithoutFunctions(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        visit_AsyncFunctionDef = visit_FunctionDef

    return WithoutFunctions().visit(tree)


def dotted(path: Path) -> str:
    parts = [PACKAGE, *path.with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph() -> dict[str, set[str]]:
    """Return the modules of the package that each of them imports at module level."""
    names = {dotted(path) for path in modules()}
    graph: dict[str, set[str]] = {}
    for path in modules():
        module = dotted(path)
        tree = at_module_level(parse(FOLDER / path))
        found = imported(tree, module, is_package=path.name == "__init__.py")
        targets = (name if name in names else name.rpartition(".")[0] for name in found)
        graph[module] = {name for name in targets if name in names and name != module}
    return graph


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected components of more than one module (Tarjan 1972)."""
    found: list[set[str]] = []
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(node: str) -> None:
        index[node] = lowest[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == index[node]:
            component = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(component)

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_a_class_name_is_used_once() -> None:
    places = defaultdict(list)
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_modules_have_40_to_300_lines() -> None:
    sizes = {path.as_posix(): len((FOLDER / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    shims = {path.as_posix() for path in modules() if path.parts[0] == "pipeline"}
    free = {name for name in sizes if Path(name).name in {"__init__.py", "__main__.py"}} | shims
    wrong = {name: f"{n} lines" for name, n in sizes.items() if n > LONGEST or (n < SHORTEST and name not in free)}
    assert {name: n for name, n in wrong.items() if name not in SIZES} == {}
    no_longer_needed = SIZES.keys() - wrong.keys()
    assert no_longer_needed == set()


def test_there_are_no_circular_imports() -> None:
    assert circles(import_graph()) == []


def test_circular_imports_are_detected() -> None:
    assert circles({"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set()}) == [{"a", "b", "c"}]
    graph = import_graph()
    assert f"{PACKAGE}.crf.layout" in graph[f"{PACKAGE}.crf.likelihood"]
    assert f"{PACKAGE}.crf" in graph[f"{PACKAGE}.entity_decoding"]


def test_the_package_imports_no_test_library() -> None:
    libraries = {"unittest", "pytest", "hypothesis"}
    found = [(str(path), name) for path, tree in modules().items() for name in imported(tree)]
    assert [(path, name) for path, name in found if name.split(".")[0] in libraries] == []


def test_benchmarks_import_nothing_of_the_tests() -> None:
    in_tests = {"tests", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
    files = sorted((ROOT / "benchmarks").glob("*.py"))
    assert files
    found = [(path.name, name) for path in files for name in imported(parse(path))]
    assert [(path, name) for path, name in found if name.split(".")[0] in in_tests] == []


def test_no_code_searches_messages_for_error_codes() -> None:
    offenders = {}
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if searches_for_code(node):
                offenders[path.as_posix()] = f"line {node.lineno}: {ast.unparse(node)}"  # type: ignore[attr-defined]
    assert offenders == {}


def searches_for_code(node: ast.AST) -> bool:
    """Return whether a node compares or searches a string with an error code such as "[ZT205]"."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name not in {"startswith", "find", "index", "count", "search", "match", "fullmatch", "removeprefix"}:
            return False
    elif not isinstance(node, ast.Compare):
        return False
    constants = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return any(isinstance(value, str) and re.match(r"\\?\[?ZT\d", value) is not None for value in constants)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('"[ZT205]" in str(error)', True),
        ('message.startswith("[ZT205]")', True),
        (r're.search("\\[ZT205", message)', True),
        ('error.code == "ZT205"', True),
        ('raise_("[ZT205] wrong")', False),
        ('"ZT" in name', False),
    ],
)
def test_searches_for_error_codes_are_detected(code: str, expected: bool) -> None:
    assert any(map(searches_for_code, ast.walk(ast.parse(code)))) is expected


def test_no_docstring_begins_with_a_relative_clause() -> None:
    """A docstring begins with a verb or is a noun phrase; it does not begin with "What is …" or "Whether …"."""
    wrong = []
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                if re.match(r"(What|Of|Whether|How|Which|Who)\b", text):
                    wrong.append(f"{path}: {text[:60]}")
    assert wrong == []


def test_no_test_measures_how_long_something_takes() -> None:
    """On a busy machine, times vary; they are measured in benchmarks. Deadlines of waits use `time.monotonic`."""
    clock = "perf_" + "counter"
    assert [path.name for path in (ROOT / "tests").rglob("*.py") if clock in path.read_text(encoding="utf-8")] == []
