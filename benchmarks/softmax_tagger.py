"""Train a token classifier with a softmax instead of the CRF, by a plain loop with a model of transformers.

    python -m benchmarks.softmax_tagger CONFIG DATA OUTPUT

Base model, wordpieces, batches, schedule and number of steps are those of a training config, so that only the head
differs: a linear layer over BIO tags, trained with cross-entropy, whose best tag of each character is taken. Entities
are runs of tags of one label; a B begins another. The last weights are scored, and the results written to
`OUTPUT/softmax.json`.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training.initialize import init_nlp
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, fix_random_seed
from torch import nn

from benchmarks.corpora import gold_of
from spacy_zh_tw_ner.atomic_writes import write_whole
from spacy_zh_tw_ner.cli.main import zh_tw_ner_cli  # noqa: F401  (registers what configs name)
from spacy_zh_tw_ner.evaluation.entity_counts import micro_f
from spacy_zh_tw_ner.export.quantize import backbone_shims
from spacy_zh_tw_ner.training.loop import BatchStream
from spacy_zh_tw_ner.training.measures import peak_memory
from spacy_zh_tw_ner.transformer.batches import make_micro_batches
from spacy_zh_tw_ner.transformer.optimizers import parameter_groups
from spacy_zh_tw_ner.transformer.shim import BackboneShim
from spacy_zh_tw_ner.transformer.windows import ClauseWindows, cut_documents

AT_ONCE = 32  # documents per batch of prediction


class Tagger(nn.Module):
    """An encoder and a linear layer.

    shim (BackboneShim): Holds the encoder and its table of wordpieces.
    labels (Sequence[str]): Labels of entities; the tags are O, then B and I of each label.
    dropout (float): Share of the hidden states dropped in training.
    """

    def __init__(self, shim: BackboneShim, labels: Sequence[str], dropout: float) -> None:
        super().__init__()
        self.encoder, self._table = shim.backbone, shim.table
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.encoder.width, 1 + 2 * len(labels)))
        names = [("O", ""), *((kind, label) for label in labels for kind in "BI")]
        self.tags = {name: number for number, name in enumerate(names)}

    def forward(self, docs: Sequence[Doc]) -> torch.Tensor:
        """Return the scores of all tokens, (n_tokens, n_tags)."""
        cut = cut_documents(docs, self._table, ClauseWindows(), max_length=self.encoder.max_length)
        hidden = torch.zeros(cut.n_tokens, self.encoder.width)
        for batch in make_micro_batches(cut, self._table, max_length=self.encoder.max_length):
            found = self.encoder(batch.input_ids, batch.attention_mask).flatten(0, 1)[batch.places]
            hidden = hidden.index_add(0, batch.tokens, found * batch.shares[:, None])
        return self.head(hidden)  # type: ignore[no-any-return]

    def gold(self, docs: Iterable[Doc]) -> torch.Tensor:
        """Return the tags of annotated documents, (n_tokens,)."""
        return torch.tensor(
            [self.tags[(token.ent_iob_ or "O", token.ent_type_)] for doc in docs for token in doc], dtype=torch.long
        )

    @torch.no_grad()
    def predict(self, nlp: Language, golds: Sequence[Doc]) -> list[tuple[Doc, Doc]]:
        """Return gold and predicted documents."""
        self.eval()
        names = {number: tag for tag, number in self.tags.items()}
        docs = [nlp.make_doc(gold.text) for gold in golds]
        for first in range(0, len(docs), AT_ONCE):
            some = docs[first : first + AT_ONCE]
            found = self(some).argmax(1).split([len(doc) for doc in some])
            for doc, numbers in zip(some, found, strict=True):
                doc.ents = spans(doc, [names[number] for number in numbers.tolist()])
        return list(zip(golds, docs, strict=True))


def spans(doc: Doc, tags: Sequence[tuple[str, str]]) -> list[Span]:
    """Return the entities of a sequence of BIO tags."""
    found: list[Span] = []
    start = 0
    for end in range(1, len(tags) + 1):
        if end == len(tags) or tags[end][0] != "I" or tags[end][1] != tags[start][1]:
            if tags[start][1]:
                found.append(Span(doc, start, end, label=tags[start][1]))
            start = end
    return found


def train(nlp: Language, config: dict[str, Any], labels: Sequence[str]) -> tuple[Tagger, float]:
    """Train a tagger as the config says; return it, and the seconds per step."""
    training = registry.resolve({"training": config["training"]})["training"]
    fix_random_seed(training["seed"])
    shim = next(backbone_shims(nlp))
    tagger = Tagger(shim, labels, training["dropout"])
    settings, clip = training["optimizer"].encoder, training["optimizer"].encoder.grad_clip
    groups = parameter_groups(tagger.encoder.model, rate=settings.rate, weight_decay=settings.weight_decay)
    head = {"params": [*tagger.head.parameters()], "weight_decay": 0.0, "name": "head"}
    optimizer = torch.optim.AdamW([*groups, head], lr=0.0, betas=settings.betas, eps=settings.eps)
    (corpus,) = resolve_dot_names(nlp.config.interpolate(), [training["train_corpus"]])
    stream = BatchStream(nlp, corpus, training["batcher"], training["max_epochs"], training["seed"])
    start = time.perf_counter()  # reading batches included, as in the other runs
    for _, batch in islice(stream, training["max_steps"]):
        tagger.train()
        docs, golds = zip(*((example.predicted, example.reference) for example in batch), strict=True)
        nn.functional.cross_entropy(tagger(docs), tagger.gold(golds)).backward()
        for group in optimizer.param_groups:
            group["lr"] = float(training["optimizer"].learn_rate if group["name"] == "head" else settings.rate)
        nn.utils.clip_grad_norm_(tagger.encoder.parameters(), clip)
        nn.utils.clip_grad_norm_(tagger.head.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad()
        training["optimizer"].step_schedules()
    return tagger, (time.perf_counter() - start) / training["max_steps"]


def main() -> None:
    """Train and score a tagger, and write its results and weights."""
    config_file, data, output = map(Path, sys.argv[1:4])
    torch.set_num_threads(1)
    nlp = init_nlp(Config().from_disk(config_file).interpolate())
    labels = nlp.get_pipe("ner").labels  # type: ignore[attr-defined]
    tagger, seconds = train(nlp, nlp.config.interpolate(), labels)
    scores = {split: micro_f(tagger.predict(nlp, gold_of(nlp, data / f"{split}.spacy"))) for split in ("dev", "test")}
    memory = peak_memory()  # evaluations included, as in the other runs
    torch.save(tagger.state_dict(), output / "softmax.pt")
    result = {**scores, "seconds_per_step": seconds, "peak_mib": memory.mib if memory else 0.0}
    write_whole(output / "softmax.json", json.dumps(result).encode())


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
