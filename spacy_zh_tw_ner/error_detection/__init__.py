"""Find gold annotations that are probably wrong.

Each sentence is judged by a pipeline that was trained on other sentences of the corpus (cross-fitting). The sentences
are then ranked by the probability that an annotation is wrong, times −log p(gold) under that pipeline.
"""
