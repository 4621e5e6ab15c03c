"""Make loaded pipelines usable in forked processes: `nlp.pipe(n_process=2)` on Linux, `gunicorn --preload`.

Threads do not survive a fork, but the libraries that started them wait for them in the child:

* OpenMP, by which torch computes with more than one thread, hangs at the first product in the child once the parent has
  used it (https://github.com/pytorch/pytorch/issues/17199). A child therefore computes with one thread.
* tokenizers turns its threads off in the child by itself, with a warning, unless TOKENIZERS_PARALLELISM is set.
* Locks of `module_mode` may be held by threads of the parent.
"""

import os

import torch

from .module_mode import release_all_locks

PARALLELISM = "TOKENIZERS_PARALLELISM"
_has_set_parallelism = False


def register_hooks() -> None:
    """Register the hooks with Python, which calls them around each `os.fork`."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def _before() -> None:
    global _has_set_parallelism  # noqa: PLW0603
    if PARALLELISM not in os.environ:
        os.environ[PARALLELISM] = "false"
        _has_set_parallelism = True


def _after_in_parent() -> None:
    global _has_set_parallelism  # noqa: PLW0603
    if _has_set_parallelism:
        os.environ.pop(PARALLELISM, None)
        _has_set_parallelism = False


def _after_in_child() -> None:
    torch.set_num_threads(1)
    release_all_locks()


register_hooks()
