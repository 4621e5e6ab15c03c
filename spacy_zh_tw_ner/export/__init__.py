"""Export, conversion and compression of base models and pipelines: fetch-base, from-hf, quantize, ONNX."""
