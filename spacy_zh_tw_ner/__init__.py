"""Traditional Chinese (Taiwan) named entity recognition for spaCy.

    text ──tokenization──▶ tokens ──encoders, transformer──▶ hidden states ──head──▶ emissions
         ──crf──▶ tags (+ marginals) ──tag_scheme──▶ entities (+ scores)

Each folder is a layer, and imports only from the layers below it. `docs/architecture.md` describes the layers, and
`lint-imports` checks the imports. The folder `runtime` runs models that `export-onnx` wrote, with the same predictions
but without torch and spaCy. Every function that a config can name is an entry point in setup.cfg.
"""

__version__ = "0.2.0"
