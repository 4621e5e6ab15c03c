"""A process that only reads texts does without torch's compiler, and whatever asks for it later has it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
from spacy_zh_tw_ner.transformer.lean_imports import import_transformers
import_transformers()
import spacy
found = []
for folder in sys.argv[1:]:
    doc = spacy.load(folder)(SENTENCE)
    found.append([[ent.text, ent.label_] for ent in doc.ents])
names = ("torch._dynamo", "sympy", "sklearn", "torch.distributed.tensor")
heavy = [name for name in names if name in sys.modules]
import torch, transformers
from transformers import masking_utils
from transformers.utils import is_scipy_available
with masking_utils.TransformGetItemToIndex():
    pass
import torch._dynamo
assert callable(torch._dynamo.optimize) and torch.distributed.is_available()
print(json.dumps([found, heavy, is_scipy_available()]))
"""


def test_pipelines_are_read_without_what_they_do_not_need(
    tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    import spacy

    from spacy_zh_tw_ner.export.quantize import write_quantized
    from tests.pipelines import SENTENCE, make_pipeline

    base = tiny_checkpoint("bert")
    nlp = make_pipeline(base, tmp_path / "plain")
    expected = [[ent.text, ent.label_] for ent in nlp(SENTENCE).ents]
    assert expected
    write_quantized(nlp, tmp_path / "int8")
    folders = [str(tmp_path / name) for name in ("plain", "int8")]
    assert [[ent.text, ent.label_] for ent in spacy.load(folders[1])(SENTENCE).ents] == expected
    code = READ.replace("SENTENCE", repr(SENTENCE))
    done = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True)
    found, heavy, has_scipy = json.loads(done.stdout.splitlines()[-1])
    assert found == [expected, expected]
    assert heavy == []
    assert has_scipy == _is_installed("scipy")


def test_another_transformers_is_imported_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    from spacy_zh_tw_ner.transformer import lean_imports

    def fail(name: str) -> Any:
        raise TypeError(name)

    for name in (lean_imports.COMPILER, lean_imports.VMAP, *lean_imports.MODULES):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(lean_imports, "import_module", fail)
    before = set(sys.modules)
    lean_imports.import_transformers()
    assert set(sys.modules) - before <= {name for name in sys.modules if name.startswith("transformers")}


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
