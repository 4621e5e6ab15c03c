"""Replace the linear layers of a model by those of bitsandbytes with 4-bit weights."""

import torch
from torch import nn

from spacy_zh_tw_ner.transformer.memory import DTYPES
from spacy_zh_tw_ner.transformer.quantization import is_quantized, normalize_quantized, silence_bitsandbytes
from spacy_zh_tw_ner.transformer.settings import QuantizationSettings

SCALE = 0.02  # standard deviation of random weights, as in BERT and Qwen2


def quantize_linear(
    model: nn.Module, settings: QuantizationSettings, precision: str, device: str | torch.device = "cpu"
) -> None:
    """Replace all linear layers of a model, in place. A layer on the meta device gets random weights.

    The layers are replaced one by one, so the model never is in memory in more bits.

    settings (QuantizationSettings): Of the kind "nf4" or "fp4".
    precision (str): Precision of products if `settings.compute_dtype` is "auto": "fp32", "fp16" or "bf16".
    device (str | torch.device): The device of the new layers.
    """
    silence_bitsandbytes()
    from bitsandbytes.nn import Linear4bit, Params4bit

    dtype = DTYPES[precision if settings.compute_dtype == "auto" else settings.compute_dtype]
    kind = {"quant_type": settings.kind, "compress_statistics": settings.double_quant}
    for path, plain in list(model.named_modules()):
        if not isinstance(plain, nn.Linear) or is_quantized(plain):
            continue
        shape = (plain.in_features, plain.out_features)
        layer = Linear4bit(*shape, bias=plain.bias is not None, compute_dtype=dtype, device="meta", **kind)
        weight, bias = plain.weight.detach(), plain.bias
        if weight.is_meta:
            weight = SCALE * torch.randn(shape[::-1], dtype=torch.bfloat16, device=device)
            bias = None if bias is None else torch.zeros(shape[1], device=device)
        layer.weight = Params4bit(weight, requires_grad=False, **kind)
        layer.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, layer.to(device))
    normalize_quantized(model, precision)
