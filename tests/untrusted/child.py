"""Run one reader on mutated files, in a process with limits, and report each as a line of JSON.

    python -m tests.untrusted.child READER SANDBOX FIRST COUNT

An audit hook reports files that are written outside the sandbox, processes that are started, and connections.
"""

import json
import os
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from typing import Any

HEADROOM = 3 * 2**29  # bytes of address space in addition to those that imports and good files need
HARMLESS = ("/dev/null", "/proc/", "/sys/")
violations: list[str] = []
inside: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: record actions that no reader needs."""
    if not inside:
        return
    if event == "open":
        path, mode, flags = arguments
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & (
            os.O_WRONLY | os.O_RDWR | os.O_CREAT
        )
        if writes and not isinstance(path, int) and not _is_allowed(path):
            violations.append(f"open {path!r} {mode}")
    elif event in (
        "os.mkdir",
        "os.remove",
        "os.rmdir",
        "os.truncate",
        "os.chmod",
        "os.symlink",
        "os.link",
        "os.rename",
    ):
        if not _is_allowed(arguments[0]):
            violations.append(f"{event} {arguments[0]!r}")
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "builtins.input"):
        violations.append(f"{event} {arguments!r:.80}")
    elif event == "import" and "canary" in str(arguments[0]):
        violations.append(f"import {arguments[0]}")


def _is_allowed(path: Any) -> bool:
    where = os.path.realpath(os.fsdecode(path))
    return where.startswith((inside[0], *HARMLESS))


def problem_of(error: BaseException) -> str:
    """Describe an error that should not occur; return "" for an error of this package or of the system."""
    from spacy_zh_tw_ner.errors import ZhTwNerError

    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    if any(isinstance(each, MemoryError) or "allocate" in str(each) for each in chain):
        return f"memory: {chain[-1]!r:.200}"
    if isinstance(error, ZhTwNerError | OSError):
        return ""
    where = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__}: {str(error)[:200]} in {[f'{f.name}:{f.lineno}' for f in where]}"


def main() -> None:
    name, sandbox, first, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    warnings.simplefilter("ignore")
    os.environ["TMPDIR"] = str(sandbox / "temporary")
    import torch

    from tests.untrusted.readers import READERS

    torch.set_num_threads(1)
    cases = READERS[name](sandbox / "input")
    for case in cases:
        case.read(case.encode(case.tree))  # read a good file, so that modules imported late are imported
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + HEADROOM, resource.getrlimit(resource.RLIMIT_AS)[1]))
    sys.addaudithook(watch)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    root = os.path.realpath(sandbox)
    for index in range(first, first + count):
        print(json.dumps({"begin": index}), file=out, flush=True)
        # Ten files in a row are of one case: the pipeline is restored only when the case changes.
        case = Random(f"{name} {index // 10}").choices(cases, [each.weight for each in cases])[0]
        random = Random(f"{name} {index}")
        from tests.untrusted.mutations import mutate

        data = mutate(case.tree, random, case.encode)
        violations.clear()
        inside.append(root)
        problem, result, message, begun = "", "read", "", time.monotonic()
        try:
            case.read(data)
        except Exception as error:  # other exceptions end the process, and the parent reports them
            problem, result, message = problem_of(error), str(error)[:7], str(error)[:300]
        finally:
            inside.clear()
        if violations:
            problem = f"{problem} {violations[0]}"
        line = {"end": index, "case": case.name, "problem": problem, "result": result, "message": message}
        print(json.dumps(line | {"seconds": round(time.monotonic() - begun, 2)}), file=out, flush=True)


if __name__ == "__main__":
    main()
