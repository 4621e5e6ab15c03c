"""Check that the packages of components from other projects are installed and work with the installed numpy."""

from collections.abc import Collection, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.util import registry

from ..errors import Errors, MissingExtraError, PipelineError

CURATED = "curated_transformer"
# Name of a factory from another project → the package that has it
PACKAGES = {"transformer": "spacy-transformers", CURATED: "spacy-curated-transformers"}


def require_factory(nlp: Language, factory: str, config: Mapping[str, Any]) -> None:
    """Check that the package of a component is installed.

    spaCy's own error would only list all factory names, and not the package to install.

    nlp (Language): The pipeline.
    factory (str): Name of the component's factory.
    config (Mapping[str, Any]): Config of the component. If a block at any level has the key `@span_getters`, which
        names a function that cuts documents into windows, spacy-transformers is needed: it provides this registry.
    RAISES (MissingExtraError): If the package of the component, or spacy-transformers for such a key, is missing.
    """
    package = PACKAGES.get(factory) if not nlp.has_factory(factory) else None
    if package is None and not hasattr(registry, "span_getters") and _has_key(config, "@span_getters"):
        package = PACKAGES["transformer"]  # it has the window functions of a Transformer inside the head
    if package is not None:
        raise MissingExtraError(Errors.ZT695.format(factory=factory, package=package))


def require_trainable(nlp: Language, exclude: Collection[str]) -> None:
    """Check that the components can be trained with the installed version of numpy.

    spacy-curated-transformers 0.3.1 passes a one-dimensional array to `float`, in training on the CPU only. Since
    numpy 2.4 this is a TypeError.

    nlp (Language): The pipeline.
    exclude (Collection[str]): Names of components that are not trained.
    RAISES (PipelineError): If training would fail.
    """
    names = [name for name in nlp.pipe_names if name not in exclude and nlp.get_pipe_meta(name).factory == CURATED]
    if not names or np.lib.NumpyVersion(np.__version__) < "2.4.0":
        return
    model: Any = getattr(nlp.get_pipe(names[0]), "model", None)
    if version(PACKAGES[CURATED]) == "0.3.1" and model.ops.xp is np:
        raise PipelineError(Errors.ZT696.format(name=names[0], numpy=np.__version__))


def _has_key(config: Any, key: str) -> bool:
    """Return whether a nested mapping contains a key at any level."""
    return isinstance(config, Mapping) and (key in config or any(_has_key(value, key) for value in config.values()))
