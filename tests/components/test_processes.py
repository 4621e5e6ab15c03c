"""Test every architecture in other processes: pickled, forked and spawned, before and after torch has used threads."""

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from os import environ, killpg
from pathlib import Path

import pytest
import spacy

from tests.pipelines import ARCHITECTURES, TEXTS, scored

ROOT = Path(__file__).parents[2]
FAST = ("MaskedCharacters", "HashEmbedCNN")
SLOW = [name for name in ARCHITECTURES if name not in FAST]
CASES = [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
# One process for all architectures: starting Python and importing torch takes most of the time.
SCRIPT = """
import multiprocessing, sys, warnings
import spacy

def found(doc):
    return [(ent.start, ent.end, ent.label_, ent._.score) for ent in doc.ents]

def equal(one, other):
    # Batches are padded to other lengths than single texts are.
    return [e[:3] for e in one] == [e[:3] for e in other] and all(
        abs(a[3] - b[3]) < 1e-3 for a, b in zip(one, other)
    )

if __name__ == "__main__":
    warnings.simplefilter("error", UserWarning)
    method, *cases = sys.argv[1:]
    multiprocessing.set_start_method(method)
    texts = sys.stdin.read().split("\\0")
    for case in cases:
        state, _, folder = case.partition(":")
        nlp = spacy.load(folder)
        if state == "warm":
            list(nlp.pipe(texts))
        docs = list(nlp.pipe(texts, n_process=2, batch_size=4))
        expected = list(nlp.pipe(texts, batch_size=4))
        same = sum(equal(found(a), found(b)) for a, b in zip(docs, expected, strict=True))
        n_ents = sum(len(doc.ents) for doc in docs)
        print(case, same, len(texts), n_ents > 0, flush=True)
"""


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")  # raised by torch for its packed 8-bit weights
@pytest.mark.parametrize("name", CASES)
def test_pipeline_can_be_pickled(name: str, folder_of: Callable[[str], Path]) -> None:
    nlp = spacy.load(folder_of(name))
    again = pickle.loads(pickle.dumps(nlp))
    expected = [scored(nlp(text)) for text in TEXTS[:20]]
    assert any(expected)
    assert [scored(again(text)) for text in TEXTS[:20]] == expected
    # A pipeline that has made predictions can be pickled, too.
    assert scored(pickle.loads(pickle.dumps(nlp))(TEXTS[8])) == expected[8]


def run(method: str, cases: list[str], tmp_path: Path, seconds: float) -> list[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    # Use torch's default number of threads, with which a fork could hang, and no settings of tokenizers.
    variables = {k: v for k, v in environ.items() if k not in ("OMP_NUM_THREADS", "TOKENIZERS_PARALLELISM")}
    process = subprocess.Popen(
        [sys.executable, str(script), method, *cases],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=variables,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        out, err = process.communicate("\0".join(TEXTS[:24]), timeout=seconds)
    except subprocess.TimeoutExpired:
        killpg(process.pid, signal.SIGKILL)
        process.communicate()
        pytest.fail(f"hangs under {method}")
    assert process.returncode == 0, err[-2000:]
    assert "forked" not in err
    assert "parallelism" not in err
    return out.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has spawn only")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pipe_with_two_processes_equals_one(method: str, folder_of: Callable[[str], Path], tmp_path: Path) -> None:
    """Processes start before the first prediction (cold), or after torch has used threads (warm)."""
    cases = [("warm", name) for name in ARCHITECTURES] if method == "fork" else [("warm", "ensemble")]
    if method == "fork":
        cases += [("cold", name) for name in (*FAST, "ensemble")]  # an ensemble also contains a Transformer
    arguments = [f"{state}:{folder_of(name)}" for state, name in cases]
    lines = run(method, arguments, tmp_path, seconds=400)
    assert lines == [f"{argument} 24 24 True" for argument in arguments]
