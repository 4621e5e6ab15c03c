"""Token classifiers with a softmax instead of the CRF, and with other ways to segment texts or to adapt the encoder.

`benchmarks.pretrained` compares them with pipelines; `plain_loop` trains them. The best tag of each character is taken.
Entities are runs of tags of one label; a B begins another.
"""

from collections.abc import Iterable, Sequence

import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from torch import nn

from spacy_zh_tw_ner.transformer.batches import make_micro_batches
from spacy_zh_tw_ner.transformer.settings import LOOKUP_OF_0_1
from spacy_zh_tw_ner.transformer.shim import BackboneShim
from spacy_zh_tw_ner.transformer.windows import ClauseWindows, cut_documents

AT_ONCE = 32  # documents per batch of prediction
LONGEST, OVERLAP = 256, 32  # wordpieces of a window of the model's own segmentation
N_PLACES = 8  # places of characters within a wordpiece; all later ones are the last
N_VIRTUAL = 32  # virtual keys and values of each layer


class Tagger(nn.Module):
    """An encoder and a linear layer.

    shim (BackboneShim): Holds the encoder and its table of wordpieces.
    labels (Sequence[str]): Labels of entities; the tags are O, then B and I of each label.
    dropout (float): Share of the hidden states dropped in training.
    """

    def __init__(self, shim: BackboneShim, labels: Sequence[str], dropout: float) -> None:
        super().__init__()
        self.encoder, self.table = shim.backbone, shim.table
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.encoder.width, 1 + 2 * len(labels)))
        names = [("O", ""), *((kind, label) for label in labels for kind in "BI")]
        self.tags = {name: number for number, name in enumerate(names)}

    def forward(self, docs: Sequence[Doc]) -> torch.Tensor:
        """Return the scores of all tokens, (n_tokens, n_tags)."""
        return self.head(self.vectors(docs))  # type: ignore[no-any-return]

    def vectors(self, docs: Sequence[Doc]) -> torch.Tensor:
        """Return the mean hidden state over the wordpieces of each token, (n_tokens, width)."""
        cut = cut_documents(docs, self.table, ClauseWindows(), max_length=self.encoder.max_length)
        hidden = torch.zeros(cut.n_tokens, self.encoder.width)
        for batch in make_micro_batches(cut, self.table, max_length=self.encoder.max_length):
            found = self.encode(batch.input_ids, batch.attention_mask).flatten(0, 1)[batch.places]
            hidden = hidden.index_add(0, batch.tokens, found * batch.shares[:, None])
        return hidden

    def encode(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the hidden states of a batch of sequences, (batch, length, width)."""
        return self.encoder(input_ids, attention_mask)  # type: ignore[no-any-return]

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


class FrozenEmbeddings(Tagger):
    """The tagger, without training of the embeddings: vocabularies of any size then cost the same."""

    def __init__(self, shim: BackboneShim, labels: Sequence[str], dropout: float) -> None:
        super().__init__(shim, labels, dropout)
        self.encoder.model.get_input_embeddings().requires_grad_(False)


class MarkedCharacters(FrozenEmbeddings):
    """Each character as version 0.1 looked it up: as a word of its own, with the mark "▁" before it."""

    def __init__(self, shim: BackboneShim, labels: Sequence[str], dropout: float) -> None:
        shim.use_lookup(LOOKUP_OF_0_1)
        super().__init__(shim, labels, dropout)


class OwnSegmentation(FrozenEmbeddings):
    """Texts in the wordpieces of the model's own tokenizer, which may have several characters.

    The vector of a character is the hidden state of its wordpiece plus a learnt vector for its place within it.
    """

    def __init__(self, shim: BackboneShim, labels: Sequence[str], dropout: float) -> None:
        super().__init__(shim, labels, dropout)
        self.places = nn.Embedding(N_PLACES, self.encoder.width)
        nn.init.normal_(self.places.weight, std=0.02)

    def vectors(self, docs: Sequence[Doc]) -> torch.Tensor:
        """Return the vectors of all tokens, (n_tokens, width)."""
        encoded = self.table.tokenizer(
            [doc.text for doc in docs],
            max_length=LONGEST,
            truncation=True,
            stride=OVERLAP,
            padding=True,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        states = self.encode(encoded["input_ids"], encoded["attention_mask"])  # (n_windows, length, width)
        of_windows, offsets = encoded["overflow_to_sample_mapping"].tolist(), encoded["offset_mapping"].tolist()
        firsts = [0]  # index of the first token of each document
        for doc in docs:
            firsts.append(firsts[-1] + len(doc))
        at = [{token.idx: token.i for token in doc} for doc in docs]
        chosen: dict[int, tuple[int, int]] = {}  # token → row in the hidden states, place within the wordpiece
        for window, (number, bounds) in enumerate(zip(of_windows, offsets, strict=True)):
            # At the beginning of a text, the mark and the first wordpiece have the same offsets: the later one counts.
            own = {
                firsts[number] + at[number][char]: (window * states.shape[1] + column, min(char - start, N_PLACES - 1))
                for column, (start, end) in enumerate(bounds)
                for char in range(start, end)
                if char in at[number]
            }
            chosen = own | chosen
        tokens = torch.tensor(list(chosen), dtype=torch.long)
        rows, places = torch.tensor(list(chosen.values()), dtype=torch.long).unbind(1)
        found = states.flatten(0, 1)[rows] + self.places(places)
        return torch.zeros(firsts[-1], self.encoder.width).index_add(0, tokens, found)


class Prefixes(Tagger):
    """A frozen encoder with trained virtual keys and values in each layer.

    P-tuning v2, Liu et al. 2022, https://aclanthology.org/2022.acl-short.8, without reparameterization.
    """

    def __init__(self, shim: BackboneShim, labels: Sequence[str], dropout: float) -> None:
        super().__init__(shim, labels, dropout)
        self.encoder.requires_grad_(False)
        config = self.encoder.model.config
        n_heads = config.num_attention_heads
        shape = (config.num_hidden_layers, 2, n_heads, N_VIRTUAL, config.hidden_size // n_heads)
        self.prefixes = nn.Parameter(0.02 * torch.randn(shape))

    def encode(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the hidden states of a batch of sequences, (batch, length, width)."""
        n, length = input_ids.shape
        past = tuple(tuple(part.expand(n, -1, -1, -1) for part in layer) for layer in self.prefixes)
        return self.encoder.model(  # type: ignore[no-any-return]
            input_ids=input_ids,
            attention_mask=torch.cat([attention_mask.new_ones(n, N_VIRTUAL), attention_mask], dim=1),
            position_ids=torch.arange(length).expand(n, -1),
            past_key_values=past,
        ).last_hidden_state


TAGGERS: dict[str, type[Tagger]] = {
    "softmax": Tagger,
    "characters": FrozenEmbeddings,
    "marked": MarkedCharacters,
    "segmented": OwnSegmentation,
    "prefixes": Prefixes,
}


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
