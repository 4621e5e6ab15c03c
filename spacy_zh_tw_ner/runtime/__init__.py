"""Recognize entities with an exported model (`export-onnx`), with numpy and ONNX Runtime alone: no torch, no spaCy.

    text ──▶ characters ──windows──▶ wordpieces ──session──▶ emissions ──CRF──▶ entities (+ scores)

The entities are those of the pipeline that was exported; the memory is a third of that of the pipeline.
"""

from ..entities import Found
from .recognizer import ExportedRecognizer, load

Recognizer = ExportedRecognizer  # its name in version 0.1

__all__ = ["ExportedRecognizer", "Found", "Recognizer", "load"]
