"""Mask personal data: replace, redact, pseudonymise, hash, keep or generalise the entities of a text, and restore it.

from spacy_zh_tw_ner.masking import mask, unmask
masked = mask(nlp("王小明的電話是0912-345-678。"))
assert unmask(masked.text, masked.map) == "王小明的電話是0912-345-678。"
"""

from .keys import read_key
from .maps import MaskMap, read_maps, unmask, write_maps
from .mask import Masked, Masker, Replacement, mask
from .policy import MaskingPolicy, make_policy, read_policy

__all__ = [
    "MaskMap",
    "Masked",
    "Masker",
    "MaskingPolicy",
    "Replacement",
    "make_policy",
    "mask",
    "read_key",
    "read_maps",
    "read_policy",
    "unmask",
    "write_maps",
]
