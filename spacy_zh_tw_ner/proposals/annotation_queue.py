"""Order texts for annotation by hand: those first from which a pipeline learns most.

* uncertain: the entropy over all readings of a text, under the CRF of the pipeline. It grows with the length of a text,
  as the number of decisions does.
* margin: the difference between the probabilities of the best and the second best reading, the smallest first.
* diverse: greedy selection of texts with uncertain characters in contexts that no selected text has. The value of a
  text is the sum of the entropies of its characters, and a character counts half for each selected text that has the
  same two characters there.

The value of a selection in `diverse` is submodular: what a text adds never grows. So lazy greedy selection (Minoux
1978) finds the order that comparing all texts in every step would find.
"""

import heapq
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from spacy.language import Language

from ..components.crf_component import CRFComponent
from ..components.inspection import find_recognizer, run_before
from ..corpora.export_order import Ranking
from ..crf import Transitions, at_temperature, infer
from ..crf.transitions import FloatsT
from ..crf.uncertainty import entropies, two_best

ORDERS = ("uncertain", "diverse", "margin")
DECAY = 0.5  # factor of the value of a character bigram for each selected text that has it


def choose_ranking(nlp: Language, order: str) -> Ranking | None:
    """Return a ranking of texts for `export`.

    nlp (Language): A pipeline.
    order (str): "file", or one of `ORDERS`.
    RETURNS (Optional[Ranking]): The ranking. None for "file", and for "uncertain" if no recognizer of the pipeline
        decodes a CRF: `export` then sorts by the lowest score.
    RAISES (PipelineError): If another order needs such a recognizer.
    """
    rankings = {"uncertain": UncertainRanking, "margin": MarginRanking, "diverse": DiverseRanking}
    has_crf = any(isinstance(component, CRFComponent) for _, component in nlp.pipeline)
    if order == "file" or (order == "uncertain" and not has_crf):
        return None
    return rankings[order](nlp)


class UncertainRanking:
    """Ranking by the entropy over the readings of a text, the largest first.

    nlp (Language): A pipeline with a recognizer that decodes a CRF.
    """

    def __init__(self, nlp: Language) -> None:
        self.nlp, self.component = nlp, find_recognizer(nlp)
        self.values: list[float] = []

    def add(self, texts: Sequence[str]) -> None:
        """Add the next texts."""
        self.values += self.values_of(*self.potentials(texts)).tolist()

    def order(self) -> list[int]:
        """Return the indices of all texts, the first to annotate first."""
        return sorted(range(len(self.values)), key=self.values.__getitem__)

    def values_of(self, rows: FloatsT, lengths: list[int], transitions: Transitions) -> FloatsT:
        """Return the (n_texts,) values of texts; the smallest are annotated first."""
        return -entropies(rows, lengths, transitions)

    def potentials(self, texts: Sequence[str]) -> tuple[FloatsT, list[int], Transitions]:
        """Return emissions, lengths and transitions of texts, at the temperature of the recognizer."""
        docs = run_before(self.nlp, self.component, (self.nlp.make_doc(text) for text in texts))
        rows, lengths, transitions = self.component.potentials(docs)
        emissions, cooled = at_temperature(rows, transitions, self.component.temperature)
        return emissions, lengths, cooled


class MarginRanking(UncertainRanking):
    """Ranking by P(best reading) − P(second best reading), the smallest first."""

    def values_of(self, rows: FloatsT, lengths: list[int], transitions: Transitions) -> FloatsT:
        """Return the (n_texts,) margins."""
        best, second = two_best(rows, lengths, transitions)
        return best - second


class DiverseRanking(UncertainRanking):
    """Ranking by greedy selection of uncertain character bigrams that no selected text has; see the module."""

    def __init__(self, nlp: Language) -> None:
        super().__init__(nlp)
        # For each text: its distinct bigrams, (n,) int64, and the sum of the entropies at each, (n,) float32.
        self.bigrams: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []

    def add(self, texts: Sequence[str]) -> None:
        """Add the next texts."""
        rows, lengths, transitions = self.potentials(texts)
        marginals = infer(rows, lengths, transitions).marginals.astype(np.float64)
        entropy = -(marginals * np.log(np.maximum(marginals, 1e-12))).sum(1)  # (n_rows, n_tags) → (n_rows,)
        first = 0
        for text, n_tokens in zip(texts, lengths, strict=True):
            own = np.maximum(entropy[first : first + n_tokens], 0.0)
            first += n_tokens
            # One entropy per character; tokens of several characters are rare, and their last characters get none.
            at = [token.idx for token in self.nlp.make_doc(text)]
            codes = np.fromiter(map(ord, f"{text}\0"), np.int64, len(text) + 1)
            codes = (codes[:-1] << 21) | codes[1:]  # code points have 21 bits
            distinct, places = np.unique(codes[at], return_inverse=True)
            self.bigrams.append((distinct, np.bincount(places, own, len(distinct)).astype(np.float32)))

    def order(self) -> list[int]:
        """Return the indices of all texts, the first to annotate first."""
        n_seen: Counter[int] = Counter()

        def gain(index: int) -> float:
            distinct, values = self.bigrams[index]
            return float(sum(v * DECAY ** n_seen[b] for b, v in zip(distinct.tolist(), values.tolist(), strict=True)))

        heap = [(-float(values.sum()), index) for index, (_, values) in enumerate(self.bigrams)]
        heapq.heapify(heap)
        order = []
        while heap:
            _, index = heapq.heappop(heap)
            now = (-gain(index), index)
            if heap and now > heap[0]:  # it adds less than the next one may: compare again
                heapq.heappush(heap, now)
                continue
            order.append(index)
            n_seen.update(self.bigrams[index][0].tolist())
        return order
