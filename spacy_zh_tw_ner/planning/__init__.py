"""Predict the GPU memory of a training run before it starts."""
