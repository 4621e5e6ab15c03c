"""Pipelines with a Transformer that know one sentence by heart."""

from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import fix_random_seed

SENTENCE = "蔡英文總統在臺北市接見台積電董事長。"
ENTITIES = [(0, 3, "PERSON"), (6, 9, "GPE")]
WINDOWS = {"@span_getters": "spacy-zh-tw-ner.clause_windows.v1"}
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}


def make_pipeline(base: Path, folder: Path, *, in_head: bool = False, **settings: Any) -> Language:
    """A trained pipeline, as it comes back from disk."""
    fix_random_seed(0)
    nlp = spacy.blank("zh_tw")
    model: dict[str, Any] = {"name": str(base), "get_spans": WINDOWS, **settings}
    if in_head:
        pooling = {"pooling": {"@layers": "reduce_mean.v1"}}
        tok2vec = {"@architectures": "spacy-zh-tw-ner.Tok2VecTransformer.v1", **model, **pooling}
    else:
        model["@architectures"] = "spacy-zh-tw-ner.TransformerModel.v1"
        nlp.add_pipe("transformer", config={"model": model})
        tok2vec = LISTENER
    head = {"@architectures": "spacy-zh-tw-ner.CRFTagger.v1", "tok2vec": tok2vec}
    nlp.add_pipe("zh_tw_crf_ner", name="ner", config={"model": head})
    example = Example.from_dict(nlp.make_doc(SENTENCE), {"entities": ENTITIES})
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update([example], sgd=optimizer)
    nlp.to_disk(folder)
    return spacy.load(folder)
