"""Traditional Chinese (Taiwan) named entity recognition for spaCy.

    text ──tokenization──▶ tokens ──encoders, transformer──▶ hidden states ──head──▶ emissions
         ──crf──▶ tags (+ marginals) ──tag_scheme──▶ entities (+ scores)

Folders are layers, and imports go one way; `docs/architecture.md` describes them, and `lint-imports` checks them.
`runtime` makes the same predictions from a model that `export-onnx` wrote, without torch and spaCy. Every function that
a config can name is an entry point in setup.cfg.
"""

__version__ = "0.2.0"
