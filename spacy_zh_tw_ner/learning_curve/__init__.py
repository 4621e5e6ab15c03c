"""Learning curve: F after training on parts of a corpus, extrapolated to more annotated data."""
