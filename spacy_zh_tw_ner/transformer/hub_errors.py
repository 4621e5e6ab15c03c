"""Find base models before transformers loads them, and convert its errors to `BaseModelError`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..errors import BaseModelError, Errors, ZhTwNerError

TIMEOUT = 10.0  # seconds to wait for a connection to the Hub, and for its answer
CONFIGS = ("config.json", "tokenizer_config.json")  # a folder for transformers has one of them


@contextmanager
def loading(
    name: str, revision: str | None, passing: tuple[type[Exception], ...] = (), *, from_files: bool = True
) -> Iterator[dict[str, Any]]:
    """Context manager: find a base model, convert errors of transformers, and silence its warnings about unused heads.

    transformers asks a Hub that cannot be reached six times for each file, which takes half a minute, and then does not
    find all that is in its cache. So the Hub is asked here first; without an answer, only the cache is searched.

    name (str), revision (str | None): The base model: id on the Hub, or a folder; branch, tag or commit on the Hub.
    passing (tuple[type[Exception], ...]): Errors that are not converted here but by the caller, such as those of
        bitsandbytes.
    from_files (bool): Whether the base model is read from its files. If not, `name` is used for messages only.
    YIELDS (dict[str, Any]): Arguments for `from_pretrained`.
    RAISES (BaseModelError): If there is no such base model; and for any other error of transformers.
    """
    from transformers.utils import logging

    problem = _problem_of_hub(name, revision) if from_files else ""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield {"local_files_only": True} if problem else {}
    except (torch.OutOfMemoryError, ZhTwNerError):
        raise
    except Exception as error:
        # Search messages of transformers only here: it has no exception classes for these two cases.
        if isinstance(error, RuntimeError) and "size mismatch" in str(error):
            raise BaseModelError(Errors.ZT323.format(name=name, reason=_first_line(error, "size mismatch"))) from error
        if isinstance(error, passing) and not isinstance(error, RecursionError):
            raise
        if "trust_remote_code" in str(error):
            raise BaseModelError(Errors.ZT648.format(name=name)) from error
        cache = f"There is no such folder, and only the Hugging Face cache was searched: {problem}." if problem else ""
        raise _not_loaded(name, revision, f"{_first_line(error)} {cache}") from error
    finally:
        logging.set_verbosity(verbosity)


def _problem_of_hub(name: str, revision: str | None) -> str:
    """Return why a base model cannot come from the Hub; empty if it is a folder, or if the Hub answers.

    RAISES (BaseModelError): If the name is neither a folder with a config nor a possible id on the Hub.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from transformers.utils import is_offline_mode

    if os.path.isdir(name) and not any(os.path.exists(os.path.join(name, file)) for file in CONFIGS):
        raise _not_loaded(name, revision, f"The folder has no {CONFIGS[0]}.")
    if os.path.exists(name):  # False for names that cannot be paths, where `Path.exists` may raise an error
        return ""
    problem = ""
    try:
        if is_offline_mode():
            problem = "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"
        else:
            HfApi().model_info(name, revision=revision, timeout=TIMEOUT)
    except HFValidationError as error:
        reason = "There is no such folder, and the name cannot be an id on the Hugging Face Hub."
        raise _not_loaded(name, revision, reason) from error
    except HfHubHTTPError as error:  # transformers explains the others, such as a model that does not exist
        status = 0 if error.response is None else error.response.status_code
        if status >= 500:
            problem = f"the Hugging Face Hub answers with the error {status}"
    except (ValueError, LookupError, TypeError):
        pass  # a mirror that has the files but does not answer this request as the Hub does
    except OSError as error:
        problem = f"the Hugging Face Hub cannot be reached ({type(error).__name__})"
    return problem


def _not_loaded(name: str, revision: str | None, reason: str) -> BaseModelError:
    """Return the error about a base model that cannot be loaded."""
    reason = reason.rstrip(".: ") + "."
    return BaseModelError(Errors.ZT321.format(name=name, revision=revision or "newest", reason=reason))


def _first_line(error: Exception, having: str = "") -> str:
    """Return the first line of an error's message that contains `having`; the repr of the error if there is none."""
    return next((line.strip() for line in str(error).splitlines() if line.strip() and having in line), repr(error))
