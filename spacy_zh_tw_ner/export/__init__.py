"""Convert Hugging Face checkpoints to pipelines, quantize pipelines, and export them to ONNX."""
