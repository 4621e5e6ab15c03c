"""Find gold annotations that are probably wrong: cross-fitted pipelines, costs of gold annotations, and a ranking."""
