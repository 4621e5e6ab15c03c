"""Load base models from a folder, the Hugging Face cache or the Hub. `HF_HUB_OFFLINE=1` excludes the Hub.

Code in a repository is never run.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.overrides import TorchFunctionMode

from ..errors import BaseModelError, DeviceError, Errors, UnreadableFileError
from ..untrusted import origin
from .base_model import Base, has_classifier
from .dispatch import gpu_memory, remove_hooks
from .hub_errors import loading
from .quantization import load_for_cpu, quantize_for_cpu

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig, PretrainedConfig, PreTrainedTokenizerBase


def read_config(name: str, revision: str | None) -> "PretrainedConfig":
    """Read the config of a base model.

    name (str): Id on the Hub, or a folder.
    revision (str | None): Branch, tag or commit on the Hub; None for the newest.
    RETURNS (PretrainedConfig): The config.
    RAISES (BaseModelError): If there is no config, or transformers does not support the model family.
    """
    from transformers import AutoConfig

    with loading(name, revision) as kwargs:
        config = AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=False, **kwargs)
        return cast("PretrainedConfig", config)


def read_tokenizer(name: str, revision: str | None) -> "PreTrainedTokenizerBase":
    """Read the tokenizer of a base model.

    name (str): Id on the Hub, or a folder.
    revision (str | None): Branch, tag or commit on the Hub; None for the newest.
    RETURNS (PreTrainedTokenizerBase): The tokenizer.
    RAISES (BaseModelError): If there is no tokenizer.
    """
    from transformers import AutoTokenizer

    with loading(name, revision) as kwargs:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False, **kwargs)
        return cast("PreTrainedTokenizerBase", tokenizer)


def read_model(
    name: str,
    revision: str | None,
    config: "PretrainedConfig",
    *,
    weights: Mapping[str, torch.Tensor] | None = None,
    quantization: "BitsAndBytesConfig | None" = None,
    attn_implementation: str | None = "sdpa",
    device: torch.device,
    spread: bool = False,
    int8_cpu: bool = False,
) -> Base:
    """Load the encoder of a checkpoint, without its pooler and head.

    name (str): Id on the Hub, or a folder.
    revision (str | None): Branch, tag or commit on the Hub; None for the newest.
    config (PretrainedConfig): Config of the model.
    weights (Mapping[str, torch.Tensor] | None): Weights by name; None reads those of the checkpoint.
    quantization (BitsAndBytesConfig | None): Quantization by bitsandbytes. It applies to the weights of the checkpoint;
        `weights` must be quantized already.
    attn_implementation (str | None): "sdpa", "eager", or None for the default of transformers.
    device (torch.device): The device of the weights.
    spread (bool): Whether to spread quantized weights over all GPUs.
    int8_cpu (bool): Whether to quantize linear layers for CPUs. `weights` may be quantized already.
    RETURNS (Base): The model, in evaluation mode; float32 except for quantized layers.
    RAISES (BaseModelError): If the checkpoint does not exist, transformers does not support the model family, or a
        weight of the checkpoint has another shape.
    RAISES (ValueError): If a weight of the checkpoint is missing.
    RAISES (UnreadableFileError): If a weight in `weights` is missing or has another shape.
    RAISES (DeviceError): If quantized weights do not fit into the GPUs with `spread`.
    """
    cls = _model_class(name, config)
    if weights is not None and int8_cpu:
        return _load_for_cpu(name, config, weights, attn_implementation)
    kwargs: dict[str, Any] = _without_pooler(cls)
    if quantization is not None:
        kwargs |= {"device_map": "auto", "max_memory": gpu_memory()} if spread else {"device_map": {"": device}}
        if weights is None:
            kwargs["quantization_config"] = quantization
        else:
            config.quantization_config = quantization.to_dict()
    elif weights is not None:
        _require_shapes(name, config, weights)
    passing = (RuntimeError, AttributeError, ImportError)
    with loading(name, revision, passing, from_files=weights is None) as found, _fitting(name, spread):
        model, info = cls.from_pretrained(
            None if weights is not None else name,
            config=config,
            state_dict=weights,
            revision=revision or "main",
            torch_dtype=torch.float32,
            attn_implementation=_attention(cls, attn_implementation),
            output_loading_info=True,
            trust_remote_code=False,
            **kwargs,
            **found,
        )
    if info["missing_keys"]:
        raise ValueError(_missing_weights(name, config, info["missing_keys"]))
    if int8_cpu:
        quantize_for_cpu(model)
    if spread:
        remove_hooks(model)  # `dispatch` adds its own, after the adapters
    return cast(Base, model if quantization is not None else model.to(device))


def read_as_stored(name: str, revision: str | None, config: "PretrainedConfig") -> Base:
    """Load a checkpoint in the precision in which it is stored, with its head if that is for token classification.

    name (str), revision (str | None): Id on the Hub, or a folder; and branch, tag or commit on the Hub.
    config (PretrainedConfig): Config of the model.
    RETURNS (Base): The model. Heads for other tasks are left out.
    RAISES (BaseModelError): If the checkpoint does not exist, transformers does not support the model family, or a
        weight is missing.
    """
    from transformers import AutoModelForTokenClassification

    cls = AutoModelForTokenClassification if has_classifier(config) else _model_class(name, config)
    with loading(name, revision) as kwargs:
        model, info = cls.from_pretrained(
            name,
            config=config,
            revision=revision or "main",
            torch_dtype="auto",
            output_loading_info=True,
            trust_remote_code=False,
            **({} if has_classifier(config) else _without_pooler(cls)),
            **kwargs,
        )
    if info["missing_keys"]:
        raise BaseModelError(_missing_weights(name, config, info["missing_keys"]))
    return cast(Base, model)


def empty_model(name: str, config: "PretrainedConfig", *, attn_implementation: str | None = "sdpa") -> Base:
    """Build a base model on torch's `meta` device, where weights have shapes but no values.

    name (str): Name of the model in messages.
    config (PretrainedConfig): Config of the model.
    attn_implementation (str | None): "sdpa", "eager", or None for the default of transformers.
    RAISES (BaseModelError): If the model family is not supported.
    """
    with _NothingAllocated():
        return _build(name, config, attn_implementation).to("meta")


def _build(name: str, config: "PretrainedConfig", attn_implementation: str | None) -> Base:
    """Build a base model in evaluation mode. Its weights are not initialized: the caller sets them, if needed."""
    from transformers.modeling_utils import no_init_weights

    cls = _model_class(name, config)
    attention = _attention(cls, attn_implementation)
    config = type(config).from_dict(config.to_dict(), attn_implementation=attention)
    with no_init_weights():  # `AutoModel.from_config` would import the configs of all families
        return cast(Base, cls(config, **_without_pooler(cls)).eval())


class _NothingAllocated(TorchFunctionMode):
    """Mode in which `torch.empty`, `torch.zeros` and `torch.ones` create tensors on the meta device.

    Two other ways to do this are slower: in the context `torch.device("meta")`, the first call of `torch.arange` takes
    half a second; `accelerate.init_empty_weights` allocates each parameter before it moves it to the meta device.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        on_meta = {"device": "meta"} if func in (torch.empty, torch.zeros, torch.ones) else {}
        return func(*args, **{**(kwargs or {}), **on_meta})


def _load_for_cpu(
    name: str, config: "PretrainedConfig", weights: Mapping[str, torch.Tensor], attn_implementation: str | None
) -> Base:
    """Build a model with 8-bit linear layers from `weights`, without allocating these layers in float32.

    weights (Mapping[str, torch.Tensor]): Weights by name. Those of linear layers may be quantized already.
    RAISES (UnreadableFileError): If a weight is missing, or a quantized weight has another shape or type.
    """
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):  # buffers, such as position ids, are not saved
        model = _build(name, config, attn_implementation)
    load_for_cpu(model, weights)
    missing = [key for key, tensor in [*model.named_parameters(), *model.named_buffers()] if tensor.is_meta]
    if missing:
        raise UnreadableFileError(_missing_weights(config.model_type, config, missing))
    return model


def _require_shapes(name: str, config: "PretrainedConfig", weights: Mapping[str, torch.Tensor]) -> None:
    """Check that weights have the names and shapes that a config implies, before a model of these shapes is allocated.

    RAISES (UnreadableFileError): If a weight is missing or has another shape.
    """
    expected = {key: tensor.shape for key, tensor in empty_model(name, config).state_dict().items()}
    missing = expected.keys() - weights.keys()
    if missing:
        raise UnreadableFileError(_missing_weights(name, config, missing))
    for key, shape in expected.items():
        if weights[key].shape != shape:
            seen, wanted = tuple(weights[key].shape), tuple(shape)
            raise UnreadableFileError(Errors.ZT649.format(origin=origin(), what=key, seen=seen, expected=wanted))


def _missing_weights(name: str, config: "PretrainedConfig", missing: Any) -> str:
    return Errors.ZT322.format(name=name, family=config.model_type, count=len(missing), missing=min(missing))


def _attention(cls: Any, wanted: str | None) -> str | None:
    """Return the attention implementation to ask transformers for.

    RETURNS (str | None): `wanted`; but None, the default of transformers, if `wanted` is "sdpa" and the model class
        does not support it, such as ELECTRA and DeBERTa.
    """
    return None if wanted == "sdpa" and not getattr(cls, "_supports_sdpa", True) else wanted


def _model_class(name: str, config: "PretrainedConfig") -> Any:
    """Return the model class of transformers for a config.

    name (str): Name of the base model, for the message.
    RAISES (BaseModelError): If transformers has no class for the model family, or it is an encoder-decoder.
    """
    from transformers import MODEL_MAPPING

    if type(config) not in MODEL_MAPPING or config.is_encoder_decoder:
        raise BaseModelError(Errors.ZT324.format(name=name, family=config.model_type))
    return MODEL_MAPPING[type(config)]


def _without_pooler(cls: type) -> dict[str, bool]:
    """Return the arguments that build a model class without its pooler; {} if the class has no such argument."""
    return {"add_pooling_layer": False} if "add_pooling_layer" in signature(cls).parameters else {}


@contextmanager
def _fitting(name: str, spread: bool) -> Iterator[None]:
    """Context manager: convert the error of transformers for quantized weights that do not fit into the GPUs.

    name (str): Name of the base model, for the message.
    spread (bool): Whether the weights are spread over the GPUs. If not, no error is converted.
    RAISES (DeviceError): If the weights do not fit into the GPUs.
    """
    try:
        yield
    except ValueError as error:
        if spread and "dispatched on the CPU or the disk" in str(error):
            raise DeviceError(Errors.ZT291.format(name=name)) from error
        raise
