"""Split texts into tokens, and compute their `norm_`, the form of a token that models read."""
