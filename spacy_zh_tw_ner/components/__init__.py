"""Components of `nlp.pipeline`: hidden states → emissions → entities."""
