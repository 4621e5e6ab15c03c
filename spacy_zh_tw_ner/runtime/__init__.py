"""Recognize entities with an exported model (`export-onnx`), using numpy and ONNX Runtime without torch and spaCy.

    text ──▶ characters ──windows──▶ wordpieces ──session──▶ emissions ──CRF──▶ entities (+ scores)

`load(folder)` returns an `ExportedRecognizer`. It is called with a list of texts, and returns the entities of each
text. They equal those of the exported pipeline, and the process needs a third of its memory.
"""

from ..entities import Found
from .recognizer import ExportedRecognizer, load

Recognizer = ExportedRecognizer  # the name of the class in version 0.1

__all__ = ["ExportedRecognizer", "Found", "Recognizer", "load"]
