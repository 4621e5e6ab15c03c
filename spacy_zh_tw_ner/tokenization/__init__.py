"""Split texts into tokens, and compute the norms by which models read them."""
