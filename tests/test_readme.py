"""Run the code, parse the commands and follow the links of the READMEs and of docs/."""

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import spacy
import typer
import weasel
from spacy.language import Language
from spacy.util import load_config, load_model_from_config
from thinc.api import Config, fix_random_seed

from spacy_zh_tw_ner.cli import zh_tw_ner_cli
from spacy_zh_tw_ner.evaluation.label_maps import read_label_map
from spacy_zh_tw_ner.masking import read_policy
from spacy_zh_tw_ner.proposals import read_settings
from tests.components.nested_data import build_spans, fit_spans

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh-TW.md")
GENERATED = ("docs/configuration.md", "docs/troubleshooting.md")
DOCS = tuple(sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
OTHERS = ("CONTRIBUTING.md", "SECURITY.md")
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in READMES + DOCS + OTHERS}
BLOCKS = {name: re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) for name, text in TEXTS.items()}


def blocks(language: str) -> list[Any]:
    """Return the code blocks of one language in all files, as parameters with ids."""
    return [
        pytest.param(code, id=f"{name}-{i}")
        for name in TEXTS
        for i, (tag, code) in enumerate(BLOCKS[name])
        if tag == language
    ]


def commands(group: str) -> list[Any]:
    """Return the arguments of each `python -m spacy GROUP` in the files and in project.yml."""
    written = {name: text for name, text in TEXTS.items() if name not in GENERATED}
    texts = {**written, "project.yml": (ROOT / "project.yml").read_text(encoding="utf-8").partition("\nvars:")[0]}
    return [
        pytest.param(shlex.split(found), id=f"{name}: {found.strip()}")
        for name, text in texts.items()
        for found in re.findall(rf"python -m spacy {group} ([^`\n]*)", text)
    ]


def parse(app: typer.Typer, words: list[str]) -> click.Context:
    """Parse a command line without running the command."""
    group = typer.main.get_command(app)
    assert words[0] in group.commands  # type: ignore[attr-defined]
    return group.commands[words[0]].make_context(words[0], words[1:])  # type: ignore[attr-defined,no-any-return]


def test_both_readmes_have_the_same_code() -> None:
    assert len(BLOCKS["README.md"]) >= 5
    assert BLOCKS["README.md"] == BLOCKS["README.zh-TW.md"]


@pytest.mark.parametrize("name", READMES)
def test_readmes_are_short(name: str) -> None:
    assert len(TEXTS[name].splitlines()) <= 170


def test_all_docs_are_tested() -> None:
    assert "docs/fine-tuning.md" in DOCS


def test_every_code_block_has_a_language() -> None:
    for name, text in TEXTS.items():
        assert {tag for tag, _ in BLOCKS[name]} <= {"python", "bash", "ini", "toml", "text"}
        assert text.count("```") == 2 * len(BLOCKS[name])


def test_lines_do_not_break_between_chinese_characters() -> None:
    """Renderers show a line break as a space, which Chinese does not have."""
    chinese = "[\u3000-\u9fff\uff00-\uffef]"
    for name, text in TEXTS.items():
        outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        broken = re.search(f"{chinese}\n *{chinese}", outside)
        assert broken is None, (name, broken)


def test_the_readmes_link_to_each_other() -> None:
    assert "(README.zh-TW.md)" in TEXTS["README.md"]
    assert "(README.md)" in TEXTS["README.zh-TW.md"]


def execute(code: str, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a code block in a new namespace, with another pipeline in place of `zh_tw_ner`."""
    load = spacy.load

    def load_it(name: str | Path, **settings: Any) -> Language:
        return load(pipeline if name == "zh_tw_ner" else name, **settings)

    monkeypatch.setattr(spacy, "load", load_it)
    namespace: dict[str, Any] = {"__name__": "readme"}
    code = code.replace('pipeline="zh_tw_ner"', f"pipeline={str(pipeline)!r}")
    exec(compile(code, "README", "exec"), namespace)
    return namespace


def needs_onnx(code: str) -> bool:
    return "onnx_pipeline" in code


@pytest.mark.parametrize("code", [block for block in blocks("python") if not needs_onnx(block.values[0])])
def test_python_blocks_run(
    code: str,
    tiny_pipeline: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "presidio" in code:
        pytest.importorskip("presidio_analyzer")
    monkeypatch.chdir(tmp_path)  # for what a block writes
    fix_random_seed(0)
    if "training/nested" in code:
        nested = build_spans()
        fit_spans(nested)
        (tmp_path / "training" / "nested").mkdir(parents=True)
        nested.to_disk(tmp_path / "training" / "nested" / "model-best")
    namespace = execute(code, tiny_pipeline, monkeypatch)
    if '"names": True' in code:
        assert "('海角物流', 'ORG')" in capsys.readouterr().out
    elif "training/nested" in code:
        assert "GPE 0." in capsys.readouterr().out
    elif "print(" in code:
        assert re.search(r"臺北市'?,? '?GPE'?,? 0\.", capsys.readouterr().out)
    if "resume_training" in code:
        doc = spacy.load(tmp_path / "my-pipeline")("端午節大家都回宜蘭過節。")
        assert ("端午節", "FESTIVAL") in [(ent.text, ent.label_) for ent in doc.ents]
    if "html = " in code:
        text = "國立臺灣大學位於臺北市大安區。" if "國立" in code else "蔡英文總統在臺北市接見台積電董事長。"
        assert 0 < namespace["html"].count("<mark") == len(namespace["nlp"](text).ents)
    if "unknown = " in code:
        assert namespace["known"].get_aligned_ner() == ["B-GPE", "L-GPE"]
        assert namespace["unknown"].get_aligned_ner() == [None, None]


def test_the_exported_model_finds_the_entities_of_the_pipeline(
    tiny_onnx: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = (code for tag, code in BLOCKS["docs/deployment.md"] if tag == "python" and needs_onnx(code))
    code = code.replace('"onnx_pipeline"', repr(str(tiny_onnx[1])))
    recognizer = execute(code, tiny_onnx[0], monkeypatch)["recognizer"]
    assert "6 9 GPE 0." in capsys.readouterr().out
    nlp = spacy.load(tiny_onnx[0])
    for text in ("蔡英文總統在臺北市接見台積電董事長。" * 40, " 臺北市  Taiwan 在ＡＢ "):
        found = [(text[entity.start : entity.end], entity.label) for entity in recognizer([text])[0]]
        assert found == [(ent.text, ent.label_) for ent in nlp(text).ents] != []


@pytest.mark.filterwarnings("ignore:.*W006")  # displaCy finds nothing to show
def test_min_score_as_shown_leaves_out_less_probable_entities(
    tiny_pipeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = (code for tag, code in BLOCKS["docs/index.md"] if tag == "python" and "min_score" in code)
    text = "蔡英文總統在臺北市接見台積電董事長。"
    assert len(spacy.load(tiny_pipeline)(text).ents) == 3
    strict = execute(code.replace("0.5", "1.0"), tiny_pipeline, monkeypatch)["nlp"]
    assert [ent._.score for ent in strict(text).ents if ent._.score < 1.0] == []


@pytest.mark.parametrize("code", [block for block in blocks("ini") if "[nlp]" in block.values[0]])
def test_config_blocks_can_be_loaded(code: str) -> None:
    nlp = load_model_from_config(Config().from_str(code), auto_fill=True)
    assert (nlp.lang, nlp.pipe_names) == ("zh_tw", ["ner"])


@pytest.mark.parametrize("code", [block for block in blocks("ini") if "[components." in block.values[0]])
def test_components_of_partial_configs_can_be_added(code: str) -> None:
    for name, settings in Config().from_str(code)["components"].items():
        nlp = spacy.blank("zh_tw")
        nlp.add_pipe(settings.pop("factory"), name=name, config=settings)
        assert nlp.pipe_names == [name]


def test_other_config_blocks_are_loggers() -> None:
    """tests/training/test_tensorboard.py checks them."""
    others = [block for block in blocks("ini") if not {"[nlp]", "[components]"} & set(block.values[0].splitlines())]
    assert {str(block.id).partition("-")[0] for block in others} == {"docs/experiment"}


@pytest.mark.parametrize("code", blocks("toml"))
def test_policies_label_maps_and_sources_can_be_used(code: str, tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text(code, encoding="utf-8")
    if "[[source]]" in code:
        assert read_settings(path).sources
    else:
        assert read_label_map(path).pipeline if "[corpus]" in code else read_policy(path).labels


@pytest.mark.parametrize("words", commands("zh-tw-ner"))
def test_commands_of_this_package_accept_their_arguments(words: list[str]) -> None:
    parse(zh_tw_ner_cli, words)


@pytest.mark.parametrize("words", commands("project"))
def test_project_commands_accept_their_arguments(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if words[0] == "run":
        project = parse(weasel.app, words)
        assert project.params["subcommand"] in ("all", "e5", "convert", "validate", "train", "evaluate", "package")
        assert Path(project.params["project_dir"]).resolve() == ROOT
        known = set(re.findall(r"^  (\w+): ", (ROOT / "project.yml").read_text(encoding="utf-8"), re.MULTILINE))
        assert {word.removeprefix("--vars.") for word in project.args if word.startswith("--")} <= known
    else:
        parse(weasel.app, words)


def test_the_two_commands_are_on_one_line_each() -> None:
    first, second = (code for tag, code in BLOCKS["README.md"][:2])
    for command in (first, second):
        assert command.count("\n") == 1
        assert "-c constraints.txt" in command
    assert first.strip().endswith("-m spacy project run all")
    assert '".[test]"' in second
    assert second.strip().endswith("-m pytest")


def test_options_in_the_text_exist() -> None:
    group = typer.main.get_command(zh_tw_ner_cli)
    options = {
        option
        for command in group.commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        for option in parameter.opts
    }
    variables = set(re.findall(r"^  (\w+): ", (ROOT / "project.yml").read_text(encoding="utf-8"), re.MULTILINE))
    options |= {f"--vars.{name}" for name in variables} | {"--extra", "--no-deps"}
    options |= {"--slow", "--rm", "--target", "--help", "--strict", "--build", "--fail-with-body"}  # of other tools
    options |= {"--set"}  # of benchmarks
    options |= {"--logdir"}  # of TensorBoard
    options |= {"--training.max_steps", "--training.eval_frequency", "--training.optimizer.layer_decay"}  # settings
    for config in ("bilstm", "lora"):
        options |= {f"--paths.{name}" for name in load_config(ROOT / "configs" / f"{config}.cfg")["paths"]}
    for text in TEXTS.values():
        assert set(re.findall(r"(?<![-\w<!])--[a-z][\w-]*(?:\.\w[\w-]*)*", text)) <= options


@pytest.mark.parametrize("name", TEXTS)
def test_links_have_existing_targets(name: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", TEXTS[name]):
        if not target.startswith(("http", "DATE", "GPE", "ORG")) and re.search("[./]", target):
            assert (ROOT / name).parent.joinpath(target).exists(), target


def test_every_page_of_the_docs_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    assert set(re.findall(r"(\w[\w-]*\.md)$", navigation, re.MULTILINE)) == {Path(name).name for name in DOCS}


def test_every_setting_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|(.*)\|$", TEXTS["docs/configuration.md"], re.MULTILINE)
    assert len(rows) > 80
    assert [name for name, _, meaning in rows if not meaning.strip()] == []


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_current(name: str) -> None:
    """`python docs/generate.py` generates them."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.PAGES[Path(name).name]() == TEXTS[name]


@pytest.mark.parametrize("name", TEXTS)
def test_no_placeholders_are_left(name: str) -> None:
    assert not re.search(r"@@|TODO|FIXME|\bXXX\b", TEXTS[name])  # XXXX-10-18 is a date without a year


@pytest.mark.parametrize("name", READMES)
def test_the_size_of_the_corpus_is_as_stated(name: str) -> None:
    lines = [
        line
        for path in (ROOT / "assets" / "taiwan").glob("*/*.txt")
        for line in path.read_text(encoding="utf-8").split("\n")
    ]
    n_sentences = sum(bool(line.strip()) and not line.startswith("#") for line in lines)
    assert f"{n_sentences:,}" in TEXTS[name]
