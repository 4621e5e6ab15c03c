"""Registered architectures: a Transformer for the `transformer` component, or inside another component."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import torch
from spacy.tokens import Doc
from thinc.api import Model, chain
from thinc.types import Floats2d, Ragged

from ..encoders import EncoderHooks, HiddenT, Tok2VecT, long_documents
from ..encoders.torch_interop import flatten, from_torch, to_torch, unflatten
from .model import build_token_encoder, chunk_encoder
from .settings import BackboneSettings, LoraSettings, MemorySettings, QuantizationSettings
from .windows import SpanGetterT

if TYPE_CHECKING:
    from spacy_transformers.data_classes import FullTransformerBatch, TransformerData

    PipeT = Model[list[Doc], FullTransformerBatch]

IN_HEAD = "spacy-zh-tw-ner.Tok2VecTransformer.v1"


def build_transformer_model_v1(
    name: str,
    get_spans: SpanGetterT,
    revision: str | None = None,
    lora: LoraSettings | None = None,
    quantization: QuantizationSettings | None = None,
    memory: MemorySettings | None = None,
    attention: str | None = None,
    dropout: float | None = None,
    save: str = "full",
    save_dtype: str | None = None,
    trim: bool = False,
) -> "PipeT":
    """Registered as `spacy-zh-tw-ner.TransformerModel.v1`: the model of spacy-transformers' `transformer` component.

    `doc._.trf_data` holds one vector per token: windows are already merged and wordpieces pooled, and listeners use the
    vectors unchanged. For a very long document (more than `encoders.long_documents.LONG` tokens), it holds a `LongData`
    instead, which computes the vectors in chunks when they are read.

    name (str): Id on the Hugging Face Hub, or a folder, of any encoder or decoder: CKIP, MacBERT, DeBERTa, Qwen …
    get_spans (Callable): Cuts documents: `spacy-zh-tw-ner.clause_windows.v1`, or a span getter of spacy-transformers.
    revision (Optional[str]): Branch, tag or commit on the Hub. Only a commit always has the same weights.
    lora (Optional[LoraSettings]): `spacy-zh-tw-ner.lora.v1`; null trains all weights.
    quantization (Optional[QuantizationSettings]): `spacy-zh-tw-ner.quantization.v1`; null keeps float32 weights.
    memory (Optional[MemorySettings]): `spacy-zh-tw-ner.memory.v1`; null for its defaults.
    attention (Optional[str]): Attention of a decoder, "causal" or "bidirectional"; null for the default of the model.
    dropout (Optional[float]): Value of every dropout rate of the base model; null for those of the checkpoint.
    save (str): "full" saves the base model and the adapters; "adapter" only the adapters, and the base model is loaded
        again by `name` and checked by its hash; "merged" one model with the adapters added to its weights.
    save_dtype (Optional[str]): Precision to which saved weights are rounded, "fp16" or "bf16"; null rounds nothing.
    trim (bool): Trim the vocabulary to the wordpieces that single characters can have, as no others are ever used.
        For a multilingual encoder this removes most embeddings; hidden states and gradients stay the same.
    RETURNS (Model[list[Doc], FullTransformerBatch]): The `model` of the factory `transformer`.
    RAISES (ValueError): For settings that contradict each other.
    """
    settings = BackboneSettings(
        name, revision, lora, quantization, memory or MemorySettings(), attention, dropout, trim=trim
    )
    tok2vec = build_token_encoder(settings, get_spans, save=save, save_dtype=save_dtype)
    model: PipeT = Model(
        "transformer",
        forward,
        init=init,
        layers=[tok2vec],
        dims={"nO": None},
        attrs={"replace_listener": replace_listener, "replace_listener_cfg": replace_listener_cfg},
    )
    return model


def build_tok2vec_transformer_v1(
    name: str,
    get_spans: SpanGetterT,
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
    revision: str | None = None,
    lora: LoraSettings | None = None,
    quantization: QuantizationSettings | None = None,
    memory: MemorySettings | None = None,
    attention: str | None = None,
    dropout: float | None = None,
    save: str = "full",
    save_dtype: str | None = None,
    trim: bool = False,
) -> Tok2VecT:
    """Registered as `spacy-zh-tw-ner.Tok2VecTransformer.v1`: a Transformer as the `tok2vec` layer of one component.

    The pipeline then needs no `transformer` component. `nlp.replace_listeners` replaces a listener by the same layers.
    The other settings choose the base model, its windows, and how it is trained and saved. These settings are those of
    `build_transformer_model_v1`.

    pooling (Model[Ragged, Floats2d]): Layer of spacy-transformers that pools the wordpieces of a token. There is one
        vector per token, so every pooling gives the same result.
    grad_factor (float): Factor by which the gradient of the Transformer is multiplied.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector per token.
    """
    from spacy_transformers.layers.trfs2arrays import trfs2arrays

    model = build_transformer_model_v1(
        name, get_spans, revision, lora, quantization, memory, attention, dropout, save, save_dtype, trim
    )
    return cast(Tok2VecT, chain(replace_listener(model), trfs2arrays(pooling, grad_factor)))


def init(model: "PipeT", X: list[Doc] | None = None, Y: Any = None) -> None:
    """Load the base model, and set the dimension "nO" to the width of its hidden states.

    thinc calls this function in `Model.initialize`. X and Y are not used.
    """
    model.layers[0].initialize()
    model.set_dim("nO", model.layers[0].get_dim("nO"), force=True)


def forward(
    model: "PipeT", docs: list[Doc], is_train: bool
) -> tuple["FullTransformerBatch", Callable[["FullTransformerBatch"], list[Doc]]]:
    """Encode documents with the Transformer.

    If `is_train` is False, long documents get a `LongData` instead, see `_wrap_with_long`.

    RETURNS (tuple[FullTransformerBatch, Callable]): The hidden states, in the batch type of spacy-transformers; and the
        backward pass, which takes a batch with their gradients.
    """
    encoder = cast(Tok2VecT, model.layers[0])
    if not is_train and any(map(long_documents.is_long, docs)):
        return _wrap_with_long(model, docs), lambda gradient: []
    hidden, backprop_hidden = encoder(docs, is_train)
    lengths = [len(doc) for doc in docs]

    def backprop(gradient: "FullTransformerBatch") -> list[Doc]:
        (rows,) = gradient.model_output.to_tuple()
        backprop_hidden(unflatten(model.ops, from_torch(rows), lengths))
        return docs

    return _wrap(model, docs, hidden), backprop


def _wrap(model: "PipeT", docs: list[Doc], hidden: HiddenT) -> "FullTransformerBatch":
    """Convert hidden states to the batch type of spacy-transformers.

    model (PipeT): The model, whose `ops` concatenate the arrays.
    docs (list[Doc]): The documents.
    hidden (list[Floats2d]): Their hidden states, (n_tokens, width) for each document.
    """
    from spacy_transformers.data_classes import FullTransformerBatch, WordpieceBatch
    from transformers.modeling_outputs import BaseModelOutput

    from .transformer_data import data_of, one_to_one

    rows = to_torch(flatten(model.ops, hidden)[0]) if hidden else torch.empty(0, 0)
    return FullTransformerBatch(
        spans=[[doc[:]] if len(doc) else [] for doc in docs],
        wordpieces=WordpieceBatch.empty(),
        model_output=BaseModelOutput(last_hidden_state=rows),
        align=one_to_one(len(rows)),
        cached_doc_data=[data_of(rows) for rows in hidden],
    )


def _wrap_with_long(model: "PipeT", docs: list[Doc]) -> "FullTransformerBatch":
    """Encode a batch for prediction. Short documents are encoded now; long documents get a `LongData`.

    A document is long if it has more than `encoders.long_documents.LONG` tokens. A `LongData` encodes its document when
    its hidden states are read.

    RETURNS (FullTransformerBatch): The batch. Its `model_output` has rows for short documents only.
    """
    from .transformer_data import LongData

    encoder = cast(Tok2VecT, model.layers[0])
    short = iter(encoder.predict([doc for doc in docs if not long_documents.is_long(doc)]))
    empty = model.ops.alloc2f(0, encoder.get_dim("nO"))
    batch = _wrap(model, docs, [empty if long_documents.is_long(doc) else next(short) for doc in docs])
    batch.cached_doc_data = [
        LongData(len(doc), chunk_encoder(encoder, doc)) if long_documents.is_long(doc) else data
        for doc, data in zip(docs, batch.doc_data, strict=True)
    ]
    return batch


def replace_listener(model: "PipeT") -> Model[list[Doc], list["TransformerData"]]:
    """Return the layers that `nlp.replace_listeners` puts in the place of a listener.

    model (PipeT): The model of the `transformer` component.
    RETURNS (Model[list[Doc], list[TransformerData]]): `model`, followed by a layer that splits its output, which is for
        a whole batch, into one `TransformerData` per document.
    """
    from spacy_transformers.layers.split_trf import split_trf_batch

    replacement: Model[list[Doc], list[TransformerData]] = chain(model, split_trf_batch())
    hooks: EncoderHooks = {"encode_chunks": encode_chunks}
    replacement.attrs.update(hooks)
    return replacement


def encode_chunks(model: Model[list[Doc], list["TransformerData"]], doc: Doc) -> Iterator["TransformerData"]:
    """Yield the hidden states of a long document in order, one chunk of tokens at a time.

    This is the hook `encode_chunks` of the layers that `replace_listener` returns. A CRF component calls it for long
    documents, so that not all hidden states are in memory at once.

    model (Model): The layers that `replace_listener` returned.
    doc (Doc): The document.
    YIELDS (TransformerData): The hidden states of the next tokens, (n, width).
    """
    from .transformer_data import data_of

    encoder = cast(Tok2VecT, model.layers[0].layers[0])
    return map(data_of, chunk_encoder(encoder, doc)())


def replace_listener_cfg(transformer: dict[str, Any], listener: dict[str, Any]) -> dict[str, Any]:
    """Return the config of the layers that `replace_listener` builds.

    transformer (dict[str, Any]): Config block of `spacy-zh-tw-ner.TransformerModel.v1`.
    listener (dict[str, Any]): Config block of the listener that is replaced.
    RETURNS (dict[str, Any]): Config block of `spacy-zh-tw-ner.Tok2VecTransformer.v1`.
    """
    kept: dict[str, Any] = {key: listener[key] for key in ("pooling", "grad_factor") if key in listener}
    return {**transformer, **kept, "@architectures": IN_HEAD}
