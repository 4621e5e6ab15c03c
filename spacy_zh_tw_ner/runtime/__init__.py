"""text → entities from a folder of `export-onnx`, with numpy and ONNX Runtime: no torch, no spaCy.

    text ──characters──▶ tokens ──windows──▶ pieces ──session──▶ emissions ──chain──▶ entities (+ scores)

What it finds is what the pipeline finds from which the folder was written, in a third of the memory.
"""

from ..entities import Found
from .recognizer import Recognizer, load

__all__ = ["Found", "Recognizer", "load"]
