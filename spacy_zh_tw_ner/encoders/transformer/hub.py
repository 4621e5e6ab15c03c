"""What comes from the Hugging Face Hub, from its cache, or from a folder. `HF_HUB_OFFLINE=1` keeps to the latter two.

Everything that transformers raises on the way becomes one sentence here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import torch
from torch import nn

from ...errors import Errors
from .int8 import fill, round_linear_layers

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig, PretrainedConfig, PreTrainedTokenizerBase


class Base(nn.Module):
    """A `transformers.PreTrainedModel`, as a type checker should see it. Nothing is ever made of this class."""

    config: Any
    get_input_embeddings: Callable[[], nn.Embedding]


def read_config(name: str, revision: str | None) -> "PretrainedConfig":
    """Read a model's config.

    RAISES (ValueError): If there is none, or it is not of a family that encodes.
    """
    from transformers import AutoConfig

    with reading(name, revision):
        return cast("PretrainedConfig", AutoConfig.from_pretrained(name, revision=revision))


def read_tokenizer(name: str, revision: str | None) -> "PreTrainedTokenizerBase":
    """Read a model's tokenizer.

    RAISES (ValueError): If there is none.
    """
    from transformers import AutoTokenizer

    with reading(name, revision):
        return cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(name, revision=revision))


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
    if int8_cpu and weights is not None:
        return _filled(cls, config, weights, {"attn_implementation": _attention(cls, attn_implementation), **kwargs})
    with reading(name, revision):
        model, info = cls.from_pretrained(
            None if weights is not None else name,
            config=config,
            state_dict=weights,
            revision=revision or "main",
            torch_dtype=torch.float32,
            attn_implementation=_attention(cls, attn_implementation),
            output_loading_info=True,
            **kwargs,
        )
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise ValueError(
            Errors.ZT322.format(name=name, family=config.model_type, count=len(missing), missing=missing[0])
        )
    if int8_cpu:
        round_linear_layers(model)
    return cast(Base, model if quantization is not None else model.to(device))


def empty_model(name: str, config: "PretrainedConfig", *, attn_implementation: str | None = "sdpa") -> Base:
    """Make a base whose weights have shapes and no numbers, on torch's `meta` device.

    RAISES (ValueError): As `read_config`.
    """
    cls = _model_class(name, config)
    config._attn_implementation_internal = _attention(cls, attn_implementation) or "eager"
    with torch.device("meta"):
        return cast(Base, cls(config, add_pooling_layer=False) if _takes_pooler(cls) else cls(config))


def _attention(cls: Any, wanted: str | None) -> str | None:
    """ELECTRA and DeBERTa have their own way only."""
    return None if wanted == "sdpa" and not getattr(cls, "_supports_sdpa", True) else wanted


def _filled(
    cls: Any, config: "PretrainedConfig", weights: Mapping[str, torch.Tensor], kwargs: Mapping[str, Any]
) -> Base:
    """Make a model around weights that are rounded already: float32 ones for them never exist."""
    from transformers.modeling_utils import no_init_weights

    # Numbers that are drawn only to be replaced would take time, and on `meta`, torch's compiler.
    with no_init_weights(), _on_meta():
        model = cls._from_config(config, torch_dtype=torch.float32, **kwargs)
    fill(model, weights)
    return cast(Base, model.eval())


@contextmanager
def _on_meta() -> Iterator[None]:
    """Give parameters that this thread makes shapes and no numbers.

    Buffers, such as the numbers of positions, are in no file and get both.
    """
    register, thread = nn.Module.register_parameter, get_ident()

    def register_on_meta(module: nn.Module, name: str, param: nn.Parameter | None) -> None:
        if param is not None and get_ident() == thread:
            param = nn.Parameter(param.to("meta"), requires_grad=False)
        register(module, name, param)

    with patch.object(nn.Module, "register_parameter", register_on_meta):
        yield


def _model_class(name: str, config: "PretrainedConfig") -> Any:
    from transformers import MODEL_MAPPING

    if type(config) not in MODEL_MAPPING or config.is_encoder_decoder:
        raise ValueError(Errors.ZT324.format(name=name, family=config.model_type))
    return MODEL_MAPPING[type(config)]


def _takes_pooler(cls: type) -> bool:
    from inspect import signature

    return "add_pooling_layer" in signature(cls).parameters


@contextmanager
def reading(name: str, revision: str | None) -> Iterator[None]:
    """Turn errors into sentences, and keep transformers from telling which heads it left out."""
    from safetensors import SafetensorError
    from transformers.utils import is_offline_mode, logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except RuntimeError as error:
        if "size mismatch" not in str(error):
            raise
        raise ValueError(Errors.ZT323.format(name=name, reason=_first_line(error, "size mismatch"))) from error
    except (OSError, ValueError, SafetensorError) as error:
        where = "HF_HUB_OFFLINE is set: the cache and folders only" if is_offline_mode() else "the Hugging Face Hub"
        raise ValueError(
            Errors.ZT321.format(name=name, revision=revision or "newest", where=where, reason=_first_line(error))
        ) from error
    finally:
        logging.set_verbosity(verbosity)


def _first_line(error: Exception, having: str = "") -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip() and having in line), repr(error))
