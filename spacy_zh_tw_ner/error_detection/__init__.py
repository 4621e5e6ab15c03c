"""Find gold annotations that are probably wrong.

Each sentence is judged by a pipeline that was trained on other sentences of the corpus (cross-fitting). The sentences
are then ranked by the product of two numbers: −log p of the gold annotation under that pipeline, and the probability
that at least one annotation of the sentence is wrong. This probability is from a logistic regression, which is fitted
on errors that were planted in copies of the corpus.
"""
