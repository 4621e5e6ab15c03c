"""Policies: their settings, and errors for invalid ones."""

import pickle
import re
import sys
from pathlib import Path

import pytest

from spacy_zh_tw_ner import extras
from spacy_zh_tw_ner.errors import MissingExtraError, UsageError
from spacy_zh_tw_ner.masking import MaskingPolicy, make_policy, read_policy
from spacy_zh_tw_ner.masking.labels import PLACEHOLDERS
from spacy_zh_tw_ner.taiwan import LABELS

WHOLE = """
default = "keep"
custom_labels = ["FESTIVAL"]

[labels]
PERSON = "pseudonym"
ADDRESS = "generalise"
FESTIVAL = "redact"

[placeholders]
PHONE = "號碼"
"""


def write(path: Path, text: str) -> Path:
    (path / "policy.toml").write_text(text, encoding="utf-8")
    return path / "policy.toml"


def test_a_policy_has_actions_by_label(tmp_path: Path) -> None:
    found = read_policy(write(tmp_path, WHOLE))
    labels = ("PERSON", "ADDRESS", "FESTIVAL", "PHONE", "ORG")
    assert [found.action(label) for label in labels] == ["pseudonym", "generalise", "redact", "keep", "keep"]
    assert (found.placeholder("PHONE"), found.placeholder("PERSON"), found.placeholder("X")) == ("號碼", "姓名", "X")
    assert pickle.loads(pickle.dumps(found)) == found


def test_labels_that_a_policy_leaves_out_have_the_default_action() -> None:
    found = MaskingPolicy({"PERSON": "redact"})
    assert [found.action(label) for label in ("PERSON", "PHONE", "ORG", "DATE")] == [
        "redact",
        "replace",
        "keep",
        "keep",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[labels]\nPERSON = "mask"', r"ZT871.*action of PERSON must be one of replace, redact.*got 'mask'"),
        ('default = "no"', r"ZT871.*action of other labels must be one of.*got 'no'"),
        ('[labels]\nPERSN = "keep"', r"ZT872.*'PERSN' is not a known label. Did you mean 'PERSON'\? Correct"),
        ('[placeholders]\nXYZZY = "a"', "ZT872.*'XYZZY' is not a known label. Correct"),
        ('[labels]\nPHONE = "generalise"', "ZT874.*PHONE cannot be generalised; only DATE"),
        ('default = "generalise"', "ZT874.*other labels cannot be generalised"),
        ('[label]\nPERSON = "keep"', "ZT873.*each key must be one of default.*got 'label'"),
        ("[labels]\nPERSON = 1", "ZT873.*a table of strings"),
        ('[placeholders]\nPHONE = "a\\nb"', r"ZT873.*placeholder of PHONE must be at most 40 printable"),
        ('[placeholders]\nPHONE = "' + "a" * 41 + '"', r"ZT873.*placeholder of PHONE must be at most 40 printable"),
        ("default = 1", "ZT873.*`default` must be an action"),
        ("custom_labels = [1]", "ZT873.*a list of labels"),
        ("labels = 3", "ZT873.*a table of strings"),
        ("labels = {", "ZT870.*Write it as TOML"),
        ("a = " + "[" * 100_000, "ZT870.*nested more than 8 levels deep"),
        ("[labels]\n" + ".".join("a" * 3_000) + ' = "keep"', "ZT870.*nested more than 8 levels deep"),
        ("[labels]\n" + ".".join("a" * 500_000) + ' = "keep"', "ZT870.*nested more than 8 levels deep"),
        ("[" + ".".join("a" * 60) + "]\nb = 1", "ZT870.*nested more than 8 levels deep"),
        ("[labels]\nx = " + "{a = " * 20 + "1" + "}" * 20, "ZT870.*nested more than 8 levels deep"),
        ("#" * 2**20 + "a", "ZT870.*longer than 1,048,576 bytes"),
    ],
)
def test_errors_name_the_value_and_the_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        read_policy(write(tmp_path, text))
    assert "\n" not in str(raised.value) or "ZT870" in message
    assert len(str(raised.value)) < 700


def test_python_3_10_needs_tomli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: False)
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install tomli")):
        read_policy(write(tmp_path, WHOLE))


def test_a_policy_may_come_from_json() -> None:
    assert make_policy({"labels": {"PERSON": "redact"}}).action("PERSON") == "redact"


def test_every_label_of_the_rules_has_a_placeholder() -> None:
    assert set(LABELS) <= set(PLACEHOLDERS)
