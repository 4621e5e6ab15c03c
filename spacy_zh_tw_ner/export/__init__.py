"""Get base models, convert checkpoints of Hugging Face, and trim, quantize and export pipelines."""
