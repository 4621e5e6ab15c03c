"""Learning curve: the F1 score (F) of pipelines trained on parts of a corpus, extrapolated to more annotated data."""
