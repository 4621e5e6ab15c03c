"""Check that the packages that components of other projects need are installed, and work with this numpy."""

from collections.abc import Collection, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.util import registry

from ..errors import Errors, MissingExtraError, PipelineError

CURATED = "curated_transformer"
# Components of other projects, by the package that has their factories
PACKAGES = {"transformer": "spacy-transformers", CURATED: "spacy-curated-transformers"}


def require_factory(nlp: Language, factory: str, config: Mapping[str, Any]) -> None:
    """Check that the package of a component is installed; a small installation may lack it.

    spaCy's own error says that the name is unknown, followed by all the names that it knows.

    nlp (Language): The pipeline.
    factory (str): The name of the component's factory.
    config (Mapping[str, Any]): The component's part of the config.
    RAISES (MissingExtraError): If the package is not installed.
    """
    package = PACKAGES.get(factory) if not nlp.has_factory(factory) else None
    if package is None and not hasattr(registry, "span_getters") and _has_key(config, "@span_getters"):
        package = PACKAGES["transformer"]  # a Transformer inside the head is cut into windows by it
    if package is not None:
        raise MissingExtraError(Errors.ZT695.format(factory=factory, package=package))


def require_trainable(nlp: Language, exclude: Collection[str]) -> None:
    """Check that components can be trained with the numpy that is installed.

    spacy-curated-transformers 0.3.1 passes an array of one dimension to `float`, a TypeError since numpy 2.4. It does
    so in training on the CPU only.

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
    return isinstance(config, Mapping) and (key in config or any(_has_key(value, key) for value in config.values()))
