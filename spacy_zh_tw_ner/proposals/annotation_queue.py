"""Order texts for annotation by hand, so that a pipeline learns most from the first ones (active learning).

A reading of a text is one possible annotation of the whole text, that is, a path of the CRF. There are three orders:

* uncertain: by the entropy over all readings, the largest first. Long texts have a larger entropy, because they have
  more tokens to tag.
* margin: by the probability of the best reading minus that of the second best reading, the smallest first.
* diverse: by greedy selection of texts whose uncertain characters are in new contexts. The context of a character is
  the bigram of this character and the next one. The value of a text is the sum of the entropies of its characters. The
  entropy of a character is halved for each text that has its bigram and was selected before.

In `diverse`, the value of a text never grows while other texts are selected (the value of a selection is submodular).
So lazy greedy selection (Minoux 1978) finds the same order as comparing all texts in every step.
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
    """Create the ranking by which `export` sorts texts.

    nlp (Language): A pipeline.
    order (str): "file" for the order of the file, or one of `ORDERS`.
    RETURNS (Optional[Ranking]): The ranking. None for "file". Also None for "uncertain" if no recognizer of the
        pipeline decodes a CRF; `export` then sorts texts by the lowest score of their entities.
    RAISES (PipelineError): If `order` is "diverse" or "margin", and no recognizer decodes a CRF.
    """
    rankings = {"uncertain": UncertainRanking, "margin": MarginRanking, "diverse": DiverseRanking}
    has_crf = any(isinstance(component, CRFComponent) for _, component in nlp.pipeline)
    if order == "file" or (order == "uncertain" and not has_crf):
        return None
    return rankings[order](nlp)


class UncertainRanking:
    """Ranking by the entropy over the readings of a text, the largest first.

    A reading is one possible annotation of the whole text. The CRF gives each reading a probability.

    nlp (Language): A pipeline with a recognizer that decodes a CRF.
    """

    def __init__(self, nlp: Language) -> None:
        self.nlp, self.component = nlp, find_recognizer(nlp)
        self.values: list[float] = []

    def add(self, texts: Sequence[str]) -> None:
        """Compute and store the values by which `order` sorts, for further texts. `export` calls this repeatedly."""
        self.values += self.values_of(*self.potentials(texts)).tolist()

    def order(self) -> list[int]:
        """Return the indices of all added texts, in the order in which they should be annotated."""
        return sorted(range(len(self.values)), key=self.values.__getitem__)

    def values_of(self, rows: FloatsT, lengths: list[int], transitions: Transitions) -> FloatsT:
        """Return the negated entropy of each text, (n_texts,). Texts with the smallest values are annotated first.

        rows (np.ndarray): (n_rows, n_tags) emissions of all texts.
        lengths (list[int]): Number of rows of each text.
        transitions (Transitions): Transition scores; those of illegal transitions are a large negative number.
        """
        return -entropies(rows, lengths, transitions)

    def potentials(self, texts: Sequence[str]) -> tuple[FloatsT, list[int], Transitions]:
        """Return the scores of the CRF for some texts, divided by the temperature of the recognizer.

        RETURNS (tuple): (n_rows, n_tags) emissions, number of rows of each text, and transitions.
        """
        docs = run_before(self.nlp, self.component, (self.nlp.make_doc(text) for text in texts))
        rows, lengths, transitions = self.component.potentials(docs)
        emissions, cooled = at_temperature(rows, transitions, self.component.temperature)
        return emissions, lengths, cooled


class MarginRanking(UncertainRanking):
    """Ranking by the probability of the best annotation of the whole text minus that of the second best.

    Texts with the smallest difference come first.

    nlp (Language): A pipeline with a recognizer that decodes a CRF.
    """

    def values_of(self, rows: FloatsT, lengths: list[int], transitions: Transitions) -> FloatsT:
        """Return P(best reading) − P(second best reading) of each text, (n_texts,).

        rows (np.ndarray): (n_rows, n_tags) emissions of all texts.
        lengths (list[int]): Number of rows of each text.
        transitions (Transitions): Transition scores; those of illegal transitions are a large negative number.
        """
        best, second = two_best(rows, lengths, transitions)
        return best - second


class DiverseRanking(UncertainRanking):
    """Ranking by greedy selection of texts whose uncertain characters are in bigrams that few selected texts have.

    Each step selects the text with the largest value: the sum of the entropies of its characters. The entropy of a
    character is halved for each selected text that has the bigram of this character and the next one.

    nlp (Language): A pipeline with a recognizer that decodes a CRF.
    """

    def __init__(self, nlp: Language) -> None:
        super().__init__(nlp)
        # For each text: its distinct bigrams, (n,) int64, and the sum of the entropies at each, (n,) float32.
        self.bigrams: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []

    def add(self, texts: Sequence[str]) -> None:
        """Compute and store the bigrams of further texts, with the sum of the entropies at each bigram."""
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
        """Return the indices of all added texts, in the order of their selection."""
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
