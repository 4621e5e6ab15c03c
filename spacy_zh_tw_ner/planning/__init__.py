"""Predict the GPU memory of a training run before it starts, and derive configs that fit into a GPU."""
