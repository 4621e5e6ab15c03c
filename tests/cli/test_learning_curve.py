"""The command `learning-curve`."""

import json
from pathlib import Path

import pytest

from tests.learning_curve.corpora import make_corpus
from tests.tiny import SHRINK

from .helpers import fails, misused, only_message, plain, run, succeeds

FAST = [word for name, value in SHRINK.items() for word in (f"--{name}", json.dumps(value))]


@pytest.mark.slow
def test_a_curve_is_measured_printed_and_drawn(tmp_path: Path) -> None:
    corpus, out = make_corpus(tmp_path / "corpus"), tmp_path / "out"
    few = ("--training.max_steps", "3", "--training.eval_frequency", "1")
    arguments = ("learning-curve", corpus, out, "--fractions", "30,60,100", "--seeds", "1", *FAST, *few)
    output = succeeds(*arguments)
    assert output.count("Run ") == 3
    assert [line.split()[0] for line in output.splitlines() if " × " in line] == ["2", "4"]
    assert "[ZT828]" in output
    report = json.loads((out / "learning-curve.json").read_text())
    assert report["settings"]["seeds"] == 1
    assert [point["sentences"] for point in report["points"]] == [12, 24, 40]
    assert (out / "learning-curve.svg").read_text().startswith("<svg")
    again = succeeds(*arguments)
    assert again.count("(stored)") == 3
    assert json.loads((out / "learning-curve.json").read_text()) == report
    assert "[ZT823]" in fails(*arguments, "--training.patience", "5")


def test_bad_input_leaves_no_folder(tmp_path: Path) -> None:
    corpus, out = make_corpus(tmp_path / "corpus"), tmp_path / "out"
    assert "[ZT817]" in fails("learning-curve", corpus, out)
    assert "[ZT202]" in fails("learning-curve", tmp_path / "none", out)
    assert "[ZT602]" in fails("learning-curve", corpus, out, "--config", "none")
    assert "No such option" in misused("learning-curve", corpus, out, "--sedes", "3")
    for arguments, code in (((corpus, out, "--fractions", "5,x"), "ZT822"), ((corpus / "train.spacy", out), "ZT826")):
        result = run("learning-curve", *arguments)
        assert result.exit_code == 2
        assert f"[{code}]" in only_message(plain(result.stdout))
    assert not out.exists()
