"""text → tokens, and the view of them that models read."""
