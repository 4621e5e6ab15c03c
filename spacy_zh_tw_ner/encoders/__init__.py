"""docs → hidden states: the encoders that need no download."""
