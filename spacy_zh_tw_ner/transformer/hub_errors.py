"""Errors about base models: those that are not found, and errors of transformers as `BaseModelError` with one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import BaseModelError, Errors, ZhTwNerError

TIMEOUT = 10.0  # seconds until the Hub counts as unreachable


def require_found(name: str, revision: str | None) -> None:
    """Raise an error if there is no base model of a name.

    transformers asks an unreachable Hub six times within half a minute, for each file. Here it is asked once, and only
    for a base model that is neither a folder nor in the cache.

    name (str): Id on the Hub, or a folder.
    revision (str | None): Branch, tag or commit on the Hub; None for the newest.
    RAISES (BaseModelError): If no folder has this name, and the Hub does not have it or cannot be reached.
    """
    if os.path.exists(name):  # False for names that cannot be paths, where `Path.exists` may raise an OSError
        return
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
    from transformers.utils import is_offline_mode

    cause: Exception | None = None
    try:
        if isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str):
            return
        if is_offline_mode():
            reason = "it is not in the Hugging Face cache, and HF_HUB_OFFLINE is set"
        else:
            HfApi().model_info(name, revision=revision, timeout=TIMEOUT)
            return
    except HFValidationError as error:
        cause, reason = error, "it cannot be the id of a model on the Hugging Face Hub"
    except RepositoryNotFoundError as error:
        cause, reason = error, "the Hugging Face Hub has no such model, or it is private"
    except HfHubHTTPError:
        return  # such as a missing revision, which transformers explains
    except Exception as error:  # the HTTP library's own errors, for a connection that failed
        cause, reason = error, "it is not in the Hugging Face cache, and the Hugging Face Hub cannot be reached"
    raise BaseModelError(_not_loaded(name, revision, f"No folder has this name, and {reason}")) from cause


@contextmanager
def loading(name: str, revision: str | None, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Context manager: convert errors of transformers, and silence its warnings about heads that are not loaded.

    name (str), revision (str | None): The base model, for messages.
    passing (tuple[type[Exception], ...]): Errors that are not converted here but by the caller, such as those of
        bitsandbytes.
    RAISES (BaseModelError): For any other error of transformers.
    """
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
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
        raise BaseModelError(_not_loaded(name, revision, _first_line(error))) from error
    finally:
        logging.set_verbosity(verbosity)


def _not_loaded(name: str, revision: str | None, reason: str) -> str:
    """Return the message for a base model that cannot be loaded."""
    return Errors.ZT321.format(name=name, revision=revision or "newest", reason=reason.rstrip(".") + ".")


def _first_line(error: Exception, having: str = "") -> str:
    """Return the first line of an error's message that contains `having`; the repr of the error if there is none."""
    return next((line.strip() for line in str(error).splitlines() if line.strip() and having in line), repr(error))
