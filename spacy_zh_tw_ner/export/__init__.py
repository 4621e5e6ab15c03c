"""Export, conversion and compression of trained pipelines: from-hf, quantize, ONNX."""
