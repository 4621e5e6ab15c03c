"""Traditional Chinese (Taiwan) named entity recognition for spaCy.

    text ──tokenization──▶ tokens ──encoders──▶ hidden ──pipeline.crf_tagger──▶ emissions
         ──crf──▶ tags (+ marginals) ──tag_scheme──▶ ents (+ scores)

Folders are layers and import only inwards: cli → evaluation | service | annotation → pipeline | training | corpora |
planning | runtime → encoders | crf | language → tokenization → types | errors. `runtime` goes the same way from what
`export-onnx` has written, without torch and spaCy. Everything a config can name is an entry point in setup.cfg.
"""

__version__ = "0.2.0"
