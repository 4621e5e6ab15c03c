"""Load base models from a folder, the Hugging Face cache or the Hub. `HF_HUB_OFFLINE=1` excludes the Hub.

Everything that transformers raises on the way becomes one sentence here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.overrides import TorchFunctionMode

from ..errors import BaseModelError, Errors, UnreadableFileError, ZhTwNerError
from ..untrusted import origin
from .base_model import Base
from .quantization import load_for_cpu, quantize_for_cpu

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig, PretrainedConfig, PreTrainedTokenizerBase


def read_config(name: str, revision: str | None) -> "PretrainedConfig":
    """Read a model's config.

    RAISES (ValueError): If there is none, or it is not of a family that encodes.
    """
    from transformers import AutoConfig

    with loading(name, revision):
        return cast("PretrainedConfig", AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=False))


def read_tokenizer(name: str, revision: str | None) -> "PreTrainedTokenizerBase":
    """Read a model's tokenizer.

    RAISES (ValueError): If there is none.
    """
    from transformers import AutoTokenizer

    with loading(name, revision):
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)
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
    int8_cpu: bool = False,
) -> Base:
    """Read a base: the encoder of whatever the checkpoint was made for, without pooler and head.

    weights (Mapping[str, torch.Tensor] | None): Take these, and read nothing.
    quantization (BitsAndBytesConfig | None): Quantise what is read. `weights` are quantised already.
    int8_cpu (bool): Round linear layers for CPUs, or take `weights` that were.
    RETURNS (Base): float32 but for quantised layers, in evaluation mode.
    RAISES (ValueError): If a weight is missing or has another shape, beside what `read_config` raises.
    """
    cls = _model_class(name, config)
    kwargs: dict[str, Any] = {"add_pooling_layer": False} if _takes_pooler(cls) else {}
    if quantization is not None:
        kwargs |= {"device_map": {"": device}}
        if weights is None:
            kwargs["quantization_config"] = quantization
        else:
            config.quantization_config = quantization.to_dict()
    if weights is not None and quantization is None and not int8_cpu:
        _require_shapes(name, config, weights)
    if int8_cpu and weights is not None:
        return _load_for_cpu(
            cls, config, weights, {"attn_implementation": _attention(cls, attn_implementation), **kwargs}
        )
    with loading(name, revision, passing=(RuntimeError, AttributeError, ImportError)):
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
        )
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise BaseModelError(
            Errors.ZT322.format(name=name, family=config.model_type, count=len(missing), missing=missing[0])
        )
    if int8_cpu:
        quantize_for_cpu(model)
    return cast(Base, model if quantization is not None else model.to(device))


def empty_model(name: str, config: "PretrainedConfig", *, attn_implementation: str | None = "sdpa") -> Base:
    """Make a base whose weights have shapes and no numbers, on torch's `meta` device.

    RAISES (ValueError): As `read_config`.
    """
    cls = _model_class(name, config)
    config._attn_implementation_internal = _attention(cls, attn_implementation) or "eager"
    with torch.device("meta"):
        return cast(Base, cls(config, add_pooling_layer=False) if _takes_pooler(cls) else cls(config))


def _require_shapes(name: str, config: "PretrainedConfig", weights: Mapping[str, torch.Tensor]) -> None:
    """Check that a config describes these weights, before a model of its sizes is allocated.

    RAISES (ValueError): If a weight is missing or has another shape.
    """
    from transformers.modeling_utils import no_init_weights

    cls, config_copy = _model_class(name, config), deepcopy(config)
    with no_init_weights(), _NothingAllocated():
        model = cls(config_copy, add_pooling_layer=False) if _takes_pooler(cls) else cls(config_copy)
    expected = {key: tensor.shape for key, tensor in model.state_dict().items()}
    missing = sorted(expected.keys() - weights.keys())
    if missing:
        raise UnreadableFileError(
            Errors.ZT322.format(name=name, family=config.model_type, count=len(missing), missing=missing[0])
        )
    for key, shape in expected.items():
        if weights[key].shape != shape:
            seen, wanted = tuple(weights[key].shape), tuple(shape)
            raise UnreadableFileError(Errors.ZT649.format(origin=origin(), what=key, seen=seen, expected=wanted))


class _NothingAllocated(TorchFunctionMode):
    """Put new tensors on the device "meta", where they have a shape and no numbers.

    `torch.device("meta")` does so with `torch.arange`, too, which there takes torch's compiler and half a second.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        on_meta = {"device": "meta"} if func in (torch.empty, torch.zeros, torch.ones) else {}
        return func(*args, **{**(kwargs or {}), **on_meta})


def _attention(cls: Any, wanted: str | None) -> str | None:
    """ELECTRA and DeBERTa have their own way only."""
    return None if wanted == "sdpa" and not getattr(cls, "_supports_sdpa", True) else wanted


def _load_for_cpu(
    cls: Any, config: "PretrainedConfig", weights: Mapping[str, torch.Tensor], kwargs: Mapping[str, Any]
) -> Base:
    """Build a model around 8-bit weights, without ever allocating them in float32."""
    from accelerate import init_empty_weights
    from transformers.modeling_utils import no_init_weights

    # Buffers, such as position ids, are in no file and keep their values.
    with no_init_weights(), init_empty_weights(include_buffers=False):
        model = cls._from_config(config, torch_dtype=torch.float32, **kwargs)
    load_for_cpu(model, weights)
    missing = [key for key, tensor in [*model.named_parameters(), *model.named_buffers()] if tensor.is_meta]
    if missing:
        raise UnreadableFileError(
            Errors.ZT322.format(
                name=config.model_type, family=config.model_type, count=len(missing), missing=missing[0]
            )
        )
    return cast(Base, model.eval())


def _model_class(name: str, config: "PretrainedConfig") -> Any:
    from transformers import MODEL_MAPPING

    if type(config) not in MODEL_MAPPING or config.is_encoder_decoder:
        raise BaseModelError(Errors.ZT324.format(name=name, family=config.model_type))
    return MODEL_MAPPING[type(config)]


def _takes_pooler(cls: type) -> bool:
    from inspect import signature

    return "add_pooling_layer" in signature(cls).parameters


@contextmanager
def loading(name: str, revision: str | None, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn errors of transformers into ours, and silence its list of the heads that were left out.

    passing (tuple[type[Exception], ...]): Errors that a caller further out translates, such as those of bitsandbytes.
    """
    from transformers.utils import is_offline_mode, logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except (torch.OutOfMemoryError, ZhTwNerError):
        raise
    except Exception as error:
        # The one place that reads messages of transformers: these two cases have no class of their own there.
        if isinstance(error, RuntimeError) and "size mismatch" in str(error):
            raise BaseModelError(Errors.ZT323.format(name=name, reason=_first_line(error, "size mismatch"))) from error
        if isinstance(error, passing) and not isinstance(error, RecursionError):
            raise
        if "trust_remote_code" in str(error):
            raise BaseModelError(Errors.ZT648.format(name=name)) from error
        where = "HF_HUB_OFFLINE is set: the cache and folders only" if is_offline_mode() else "the Hugging Face Hub"
        raise BaseModelError(
            Errors.ZT321.format(name=name, revision=revision or "newest", where=where, reason=_first_line(error))
        ) from error
    finally:
        logging.set_verbosity(verbosity)


def _first_line(error: Exception, having: str = "") -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip() and having in line), repr(error))
