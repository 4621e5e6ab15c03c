"""Every architecture in processes: pickled, forked and spawned, before and after torch has used its threads."""

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
# One process for all architectures: starting Python and importing torch takes longer than all else.
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
    method, *folders = sys.argv[1:]
    # A forked process has the threads' locks of its parent; the others begin anew.
    states = (False, True) if method == "fork" else (True,)
    multiprocessing.set_start_method(method)
    texts = sys.stdin.read().split("\\0")
    for folder in folders:
        for warm in states:
            nlp = spacy.load(folder)
            if warm:
                list(nlp.pipe(texts))
            docs = list(nlp.pipe(texts, n_process=2, batch_size=4))
            expected = list(nlp.pipe(texts, batch_size=4))
            same = sum(equal(found(a), found(b)) for a, b in zip(docs, expected, strict=True))
            n_ents = sum(len(doc.ents) for doc in docs)
            print(folder, "warm" if warm else "cold", same, len(texts), n_ents > 0, flush=True)
"""


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")  # of torch, in its packed 8-bit weights
@pytest.mark.parametrize("name", CASES)
def test_it_can_be_pickled(name: str, folder_of: Callable[[str], Path]) -> None:
    nlp = spacy.load(folder_of(name))
    again = pickle.loads(pickle.dumps(nlp))
    expected = [scored(nlp(text)) for text in TEXTS[:20]]
    assert any(expected)
    assert [scored(again(text)) for text in TEXTS[:20]] == expected
    # What has been used can be pickled, too.
    assert scored(pickle.loads(pickle.dumps(nlp))(TEXTS[8])) == expected[8]


def run(method: str, folders: list[Path], tmp_path: Path, seconds: float) -> list[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    # torch's own number of threads, which hangs after a fork, and no settings of tokenizers
    variables = {k: v for k, v in environ.items() if k not in ("OMP_NUM_THREADS", "TOKENIZERS_PARALLELISM")}
    process = subprocess.Popen(
        [sys.executable, str(script), method, *map(str, folders)],
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
def test_it_runs_in_processes(method: str, folder_of: Callable[[str], Path], tmp_path: Path) -> None:
    names = list(ARCHITECTURES) if method == "fork" else ["ensemble"]  # which holds a Transformer, too
    folders = [folder_of(name) for name in names]
    lines = run(method, folders, tmp_path, seconds=400)
    states = ("cold", "warm") if method == "fork" else ("warm",)
    expected = [f"{folder} {state} 24 24 True" for folder in folders for state in states]
    assert lines == expected
