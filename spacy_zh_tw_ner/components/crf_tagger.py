"""Thinc model of the CRF head: docs → emissions.

The model also holds the transition scores, but its output does not depend on them. The package `crf` decodes emissions
and transitions to tags, and computes their gradients.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc
from thinc.api import Linear, Model, Optimizer, chain, glorot_uniform_init, with_array, zero_init
from thinc.types import Floats2d, FloatsXd

from ..encoders import EmissionsT, TaggerT, Tok2VecT, hooks_of
from ..encoders.long_documents import encode_chunks
from ..untrusted import in_range, require
from ..untrusted.thinc_models import require_param

LARGEST_SCORE = 1e6  # limit of a transition score, so that no sum of scores comes near PENALTY (−1e30)
ArrayT: TypeAlias = npt.NDArray[np.float32]
CURATED_LISTENERS = ("last_transformer_layer_listener", "scalar_weighting_listener", "transformer_layers_listener")


def build_crf_tagger_v1(tok2vec: Tok2VecT, nO: int | None = None, transition_rate: float = 1.0) -> TaggerT:
    """Registered as `spacy-zh-tw-ner.CRFTagger.v1`: an encoder, a linear layer, and transitions.

    tok2vec (Model[list[Doc], list[Floats2d]]): Any encoder or listener.
    nO (Optional[int]): Number of tags; set by the component when it collects its labels.
    transition_rate (float): Learning rate of the transitions, as a multiple of that of the other parameters. Raise it
        for a pre-trained encoder: at its usual rate of 2e-5 the transitions would hardly change.
    RETURNS (Model[list[Doc], list[Floats2d]]): Returns emissions, (n_tokens, n_tags) per document.
    """
    if tok2vec.name in CURATED_LISTENERS:
        # `spacy debug model` updates the upstream component only if it finds this word in the name of the listener.
        tok2vec.name = "curated-transformer-listener"
    width = tok2vec.get_dim("nO") if tok2vec.has_dim("nO") else None
    output_layer = Linear(nO, width, init_W=glorot_uniform_init)
    transitions = build_transitions(nO, transition_rate)
    model: TaggerT = chain(tok2vec, cast(Model[list[Floats2d], EmissionsT], with_array(output_layer)), transitions)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", output_layer)
    model.set_ref("transitions", transitions)
    model.attrs["resize_output"] = resize_output
    return model


def build_transitions(nO: int | None, rate: float) -> Model[EmissionsT, EmissionsT]:
    """Create a layer that returns its input, and holds the parameters `matrix`, `start` and `end`, initially zero.

    The transition scores are `rate` times the parameters. An optimizer such as Adam changes each parameter by about the
    learning rate per step, so the scores change by `rate` times the learning rate.

    nO (Optional[int]): Number of tags, if it is already fixed.
    rate (float): Learning rate of the transition scores, as a multiple of that of the other parameters.
    RETURNS (Model[list[Floats2d], list[Floats2d]]): The layer, whose attribute `rate` has the rate.
    """
    return Model(
        "transitions",
        _pass_through,
        init=_init_transitions,
        params={"matrix": None, "start": None, "end": None},
        dims={"nO": nO},
        attrs={"rate": rate},
    )


def _pass_through(
    model: Model[EmissionsT, EmissionsT], emissions: EmissionsT, is_train: bool
) -> tuple[EmissionsT, Callable[[EmissionsT], EmissionsT]]:
    """Forward pass of the layer `transitions`, which thinc calls: return the emissions and gradient unchanged.

    RETURNS (tuple[EmissionsT, Callable]): The emissions, and a backward pass that returns its argument.
    """
    return emissions, _identity


def _identity(gradient: EmissionsT) -> EmissionsT:
    return gradient


def _init_transitions(
    model: Model[EmissionsT, EmissionsT], X: EmissionsT | None = None, Y: EmissionsT | None = None
) -> None:
    """Create the parameters of the layer `transitions`, all zeros. thinc calls it in `Model.initialize`.

    The number of tags is the dimension `nO` or, if that is not set, the width of the sample emissions `X` or `Y`. If
    there are none either, nothing is done. Existing parameters are kept.
    """
    if model.has_dim("nO") is None:
        sample = X if X is not None else Y
        if not sample:
            return
        model.set_dim("nO", sample[0].shape[1])
    n_tags = model.get_dim("nO")
    for name, shape in (("matrix", (n_tags, n_tags)), ("start", (n_tags,)), ("end", (n_tags,))):
        if not model.has_param(name):
            model.set_param(name, zero_init(model.ops, shape))


def predict_chunks(model: TaggerT, doc: Doc) -> Iterator[Floats2d]:
    """Compute the emissions of a long document in chunks.

    model (Model[list[Doc], list[Floats2d]]): The model of `build_crf_tagger_v1`. Its encoder uses the context of each
        token. The layers after the encoder do not, so they are applied to each chunk separately.
    doc (Doc): The document.
    YIELDS (Floats2d): (n, n_tags) emissions in order; a single chunk if the encoder cannot encode in chunks.
    """
    tok2vec, *others = model.layers
    hidden = encode_chunks(tok2vec, doc)
    for rows in tok2vec.predict([doc]) if hidden is None else hidden:
        batch = [rows]
        for layer in others:
            batch = layer.predict(batch)
        yield batch[0]


def resize_output(model: TaggerT, n_tags: int) -> None:
    """Enlarge the output layer and transitions for more tags. The existing tags keep their weights; new ones get zeros.

    model (Model): The model of `build_crf_tagger_v1`, before or after its initialization.
    n_tags (int): New number of tags.
    """
    output_layer, transitions = model.get_ref("output_layer"), model.get_ref("transitions")
    params = [(output_layer, "W", _grow_first), (output_layer, "b", _grow_all)]
    params += [(transitions, name, _grow_all) for name in ("matrix", "start", "end")]
    old: dict[tuple[int, str], ArrayT] = {}
    for layer, name, _ in params:
        if layer.has_param(name):
            old[layer.id, name] = layer.ops.to_numpy(layer.get_param(name))  # type: ignore[no-untyped-call]
            # thinc does not change dimensions of a layer with parameters.
            layer.set_param(name, None)
    # Optimizers store moments by layer id. A new id discards the moments, whose shapes no longer fit.
    for layer in (output_layer, transitions):
        former, layer.id = layer.id, _new_id()
        old |= {(layer.id, name): array for (id_, name), array in old.items() if id_ == former}
    for layer in (output_layer, *model.layers[1:], model):
        layer.set_dim("nO", n_tags, force=True)
    for layer, name, grow in params:
        if (layer.id, name) in old:
            layer.set_param(name, layer.ops.asarray_f(cast(Floats2d, grow(old[layer.id, name], n_tags))))


def check_tagger(model: TaggerT, n_tags: int) -> None:
    """Check the arrays of a head that was read from a file, and those of its encoder.

    Layers of the encoder may have a function `check(layer)`, which `encoders.hooks_of` returns. It is called here.

    model (Model): The model of `build_crf_tagger_v1`.
    n_tags (int): Number of tags of the loaded labels.
    RAISES (UnreadableFileError): For arrays of wrong shape or type, values that are not finite, transition scores that
        are too large, and a factor of the transition scores (`transitions.attrs["rate"]`) out of range.
    """
    output_layer, transitions = model.get_ref("output_layer"), model.get_ref("transitions")
    encoder = model.get_ref("tok2vec")
    width = encoder.get_dim("nO") if encoder.has_dim("nO") else None
    weight = require_param(output_layer, "W", (n_tags, width))
    require_param(output_layer, "b", (n_tags,))
    rate = in_range("transitions.rate", transitions.attrs["rate"], 1e-9, 1e9)
    for name, shape in (("matrix", (n_tags, n_tags)), ("start", (n_tags,)), ("end", (n_tags,))):
        scores = require_param(transitions, name, shape)
        largest = float(abs(scores).max()) * rate
        in_range(f"transitions.{name}", largest, 0.0, LARGEST_SCORE)
    for layer in (output_layer, *model.layers[1:], model):
        for dim, size in (("nO", n_tags), ("nI", weight.shape[1] if layer is output_layer else None)):
            if size is not None and layer.has_dim(dim):
                require(layer.get_dim(dim) == size, f"{layer.name}.{dim}", layer.get_dim(dim), str(size))
    for layer in encoder.walk():
        hooks = hooks_of(layer)
        if "check" in hooks:
            hooks["check"](layer)


def _new_id() -> int:
    """Return a new layer id, which no other thinc layer has."""
    with Model.global_id_lock:
        Model.global_id += 1
        return Model.global_id


def _grow_all(old: ArrayT, size: int) -> ArrayT:
    """Return a copy of an array, padded at the end of every dimension with zeros to `size`."""
    return np.pad(old, [(0, size - n) for n in old.shape])


def _grow_first(old: ArrayT, size: int) -> ArrayT:
    """Return a copy of a matrix, with rows of zeros added at the end so that it has `size` rows."""
    return np.pad(old, [(0, size - len(old)), (0, 0)])


class WithoutDecay:
    """An optimizer without weight decay for the parameters of some layers. It wraps another optimizer.

    `TrainableCRF.finish_update` passes it to `Model.finish_update` in place of the optimizer of the config. thinc's
    optimizers apply weight decay to all parameters. Decay would pull the transition scores to 0, where all transitions
    are equally probable.

    optimizer (Optimizer): The optimizer that computes the updates. Its attributes are also attributes of this object.
    layers (Iterable[Model]): Layers whose parameters must not decay; those of their sublayers still decay.
    """

    def __init__(self, optimizer: Optimizer, layers: Iterable[Model[Any, Any]]) -> None:
        self._optimizer = optimizer
        self._exempt = {(layer.id, name) for layer in layers for name in layer.param_names}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def __call__(
        self, key: tuple[int, str], weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        """Update one parameter by a step of the optimizer, without weight decay if its layer is in `layers`.

        thinc calls it for each parameter in `Model.finish_update`.

        key (tuple[int, str]): Id of the layer, and name of the parameter.
        weights, gradient (FloatsXd): The parameter and its gradient, of the same shape. They may be changed in place.
        lr_scale (float): Factor of the learning rate.
        RETURNS (tuple[FloatsXd, FloatsXd]): The updated weights, and the gradient set to zeros.
        """
        decay = self._optimizer.L2
        if key in self._exempt:
            self._optimizer.L2 = 0.0
        try:
            updated: tuple[FloatsXd, FloatsXd] = self._optimizer(key, weights, gradient, lr_scale=lr_scale)
            return updated
        finally:
            self._optimizer.L2 = decay
