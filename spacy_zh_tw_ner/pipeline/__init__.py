"""hidden states → emissions → entities: the spaCy component."""
