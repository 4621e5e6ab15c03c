"""Properties that all commands share, tested on every registered command."""

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from catalogue import RegistryError
from confection import ConfigValidationError
from typer.testing import CliRunner, Result

from spacy_zh_tw_ner import __version__
from spacy_zh_tw_ner.cli import main
from spacy_zh_tw_ner.cli.main import App, describe
from spacy_zh_tw_ner.cli.terminal import msg
from spacy_zh_tw_ner.errors import CorpusError, Errors, UsageError
from spacy_zh_tw_ner.extras import install_hint

from .helpers import COMMANDS, fails, misused, plain, run, succeeds

# Required options of commands, besides their arguments
REQUIRED = {
    "export": ["--format", "jsonl"],
    "init-config": ["--preset", "nowhere.cfg"],
    "propose": ["--sources", "nowhere.toml"],
    "train": ["--output", "out"],
    "unmask": ["--map", "nowhere.map"],
}
SUFFIX = {"annotate": ".jsonl", "mask": ".jsonl", "unmask": ".jsonl"}


def arguments_of(name: str) -> Iterator[Any]:
    return (parameter for parameter in COMMANDS[name].params if parameter.param_type_name == "argument")


def options_of(name: str) -> Iterator[Any]:
    return (parameter for parameter in COMMANDS[name].params if parameter.param_type_name == "option")


def test_all_commands_are_registered() -> None:
    assert len(COMMANDS) >= 16


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option(name: str) -> None:
    said = succeeds(name, "--help")
    assert "Usage: " in said
    for option in options_of(name):
        assert option.hidden or option.opts[0] in said
        assert option.hidden or option.help, option.opts


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_exits_with_2(name: str) -> None:
    words = [f"nowhere-{i}" for i, _ in enumerate(arguments_of(name))]
    for option in ("--no-such-option", "-Z"):
        assert re.search("no such option", misused(name, *words, *REQUIRED.get(name, []), option), re.IGNORECASE)


@pytest.mark.parametrize("name", [name for name in COMMANDS if any(p.required for p in arguments_of(name))])
def test_missing_arguments_exit_with_2(name: str) -> None:
    assert "Missing" in misused(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_missing_inputs_exit_with_1_and_a_code(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZH_TW_NER_CORPORA", raising=False)
    words = [f"nowhere-{i}{SUFFIX.get(name, '')}" for i, _ in enumerate(arguments_of(name))]
    said = fails(name, *words, *REQUIRED.get(name, []))
    assert re.match(r"✘ \[ZT\d{3}\] ", said), said
    assert not re.search(r"\[ZT67[78]\]", said), said  # the codes of unexpected errors
    assert list(tmp_path.iterdir()) == []


def choices() -> Iterator[tuple[str, Any]]:
    for name in COMMANDS:
        for option in options_of(name):
            if option.metavar:
                yield name, option


@pytest.mark.parametrize(
    ("name", "option"), [pytest.param(*found, id=f"{found[0]} {found[1].opts[0]}") for found in choices()]
)
def test_choices_are_checked_ignoring_case(name: str, option: Any, tmp_path: Path) -> None:
    words = [f"nowhere-{i}{SUFFIX.get(name, '')}" for i, _ in enumerate(arguments_of(name))]
    required = [] if option.opts[0] in REQUIRED.get(name, []) else REQUIRED.get(name, [])
    said = misused(name, *words, *required, option.opts[0], "nonsense")
    listed = re.findall(r"'([\w-]+)'", said.partition("is not one of")[2])
    assert len(listed) >= 2
    if option.metavar.startswith("["):
        assert option.metavar == f"[{'|'.join(listed)}]"
    result = run(name, *words, *required, option.opts[0], listed[-1].upper())
    assert "is not one of" not in result.output


def test_an_option_has_one_meaning_in_all_commands() -> None:
    """Each short option has one long name, and each long option is a flag everywhere or nowhere."""
    long_of: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, set[str]] = defaultdict(set)
    for name in COMMANDS:
        for option in options_of(name):
            names = [one for one in option.opts if one.startswith("--")]
            for one in option.opts:
                if not one.startswith("--"):
                    long_of[one].update(names)
            for one in names:
                kinds[one].add("flag" if option.is_flag else "value")
    assert {short: names for short, names in long_of.items() if len(names) > 1} == {}
    # `evaluate --scripts` measures Traditional and Simplified; `trim --scripts` names scripts of Unicode.
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {"--scripts": {"flag", "value"}}
    assert long_of["-p"] == {"--pipeline"}
    assert long_of["-F"] == {"--force"}
    assert long_of["-V"] == {"--verbose"}


def test_commands_that_replace_outputs_have_force() -> None:
    writers = {"adapt", "annotate", "calibrate", "convert", "distill", "ensemble", "export", "export-onnx"}
    writers |= {
        "fetch-base",
        "find-errors",
        "from-hf",
        "init-config",
        "learning-curve",
        "mask",
        "model-card",
        "plan",
        "propose",
        "quantize",
        "train",
        "trim",
        "unmask",
    }
    assert {name for name in COMMANDS if "--force" in {o.opts[0] for o in options_of(name)}} == writers


def test_the_version_is_printed() -> None:
    assert succeeds("--version") == f"spacy-zh-tw-ner {__version__}\n"


@pytest.mark.parametrize("where", [("--verbose", "try", "nowhere"), ("try", "nowhere", "-V")])
def test_verbose_shows_the_traceback(where: tuple[str, ...]) -> None:
    result = run(*where)
    assert result.exit_code == 1
    assert "Traceback" in result.output
    assert "[ZT531]" in result.output
    assert "Traceback" not in run("try", "nowhere").output


def failing(error: BaseException) -> Result:
    """Return the result of a command that raises an error."""
    app = App()

    @app.command("fail")
    def fail() -> None:
        raise error

    app.callback()(main.zh_tw_ner_group)
    return CliRunner().invoke(app, ["fail"])


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (CorpusError(Errors.ZT203.format(path="a")), "[ZT203] a holds no sentence.", 1),
        (UsageError(Errors.ZT245.format(value="8")), "[ZT245] --split must be", 2),
        (OSError(28, "No space left on device", "out"), "error for out: No space left on device. Free", 1),
        (PermissionError(13, "Permission denied", "out"), "error for out: Permission denied. Check", 1),
        (OSError("[E050] Can't find model"), "this error names: [E050] Can't find model", 1),
        (ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow.parquet"), install_hint("parquet"), 1),
        (ModuleNotFoundError("No module named 'peft'", name="peft.utils"), "pip install peft", 1),
        (MemoryError(), "[ZT681]", 1),
        (ValueError("[E143] spaCy's"), "[ZT677] `fail` failed. Correct the config,", 1),
        (ConfigValidationError(desc="[training] is no section"), "names: Config validation error [training] is", 1),
        (RegistryError("[E893] Could not find function"), "names: [E893] Could not find function", 1),
        (KeyboardInterrupt(), "[ZT679]", 130),
        (typer.BadParameter("wrong"), "wrong", 2),
    ],
)
def test_errors_that_users_can_correct_are_one_message(error: BaseException, code: str, status: int) -> None:
    result = failing(error)
    assert result.exit_code == status
    said = " ".join(plain(result.output).split())
    assert code in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        RecursionError("too deep"),
        ValueError("operands could not be broadcast together with shapes (2,) (3,)"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
        ModuleNotFoundError("No module named 'some_thing'", name="some_thing"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unexpected_error_shows_its_traceback(error: BaseException) -> None:
    result = failing(error)
    assert result.exit_code == 1
    assert "Traceback" in result.output
    assert str(error) in result.output
    assert f"[ZT678] `fail` stopped with an unexpected error, {type(error).__name__}." in result.output


def test_a_message_is_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    command = '`pip install "/somewhere/with a name/of some length[parquet]"`'
    message = f"[ZT530] Parquet needs pyarrow, which is not installed here or there. Run {command}, please."
    msg.fail(message)
    assert plain(capsys.readouterr().out) == f"✘ {message}\n"


def test_a_command_keeps_its_signature_for_python() -> None:
    from spacy_zh_tw_ner.cli import try_cli

    assert list(inspect.signature(try_cli).parameters) == ["pipeline", "text", "output"]


@pytest.mark.parametrize(
    "name", [name for name, command in COMMANDS.items() if "resume" in (p.name for p in command.params)]
)
def test_an_interrupted_command_names_how_it_continues(name: str) -> None:
    assert "--resume" in describe(KeyboardInterrupt(), name)


@pytest.mark.parametrize("option", ["--gold-share", "--weight", "--temperature"])
@pytest.mark.parametrize("value", ["nan", "-1"])
def test_settings_of_distill_are_checked_before_anything_is_read(option: str, value: str) -> None:
    assert f"[ZT112] {option}=" in misused("distill", "nowhere", "nowhere.txt", "out", option, value)
