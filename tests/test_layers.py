"""The import-linter contracts in setup.cfg hold."""

import re
import shutil
import subprocess
import sys
import sysconfig
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(config: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = shutil.which("lint-imports", path=sysconfig.get_path("scripts"))
    if command is None:
        pytest.skip("import-linter is not installed beside this Python")
    return subprocess.run(
        [sys.executable, command, "--config", str(config), "--no-cache"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=cwd,
    )


def contracts() -> list[str]:
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return [setup[s]["name"] for s in setup.sections() if s.startswith("importlinter:contract:")]


def test_all_contracts_hold() -> None:
    done = lint(ROOT / "setup.cfg", ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in contracts():
        assert f"{name} KEPT" in done.stdout
    assert f"{len(contracts())} kept, 0 broken" in done.stdout


def test_a_broken_contract_is_detected(tmp_path: Path) -> None:
    config = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    upside_down = re.sub(r"(\n\s+)cli(\n\s+)(\w[^\n]*)\n", r"\1\3\2cli\n", config)  # an sdist's file has tabs
    assert upside_down != config
    (tmp_path / "setup.cfg").write_text(upside_down, encoding="utf-8")
    done = lint(tmp_path / "setup.cfg", ROOT)
    assert done.returncode == 1
    assert "1 broken" in done.stdout


def test_benchmarks_import_nothing_of_the_tests() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py")}
    assert "synthetic.py" in sources  # which the tests import
    assert [name for name, text in sources.items() if re.search(r"^\s*(from|import) tests\b", text, re.MULTILINE)] == []
