"""emissions → segments and their probabilities, as `zh_tw_crf_ner` decodes them."""

import numpy as np
import numpy.typing as npt

from ..choice import Segment, choose
from ..entities import Entity
from ..tag_scheme import TagScheme, TagsT, WhiteSpace
from .chain import Chain
from .folder import Exported, Transitions
from .long_texts import Rows, best_path, parts

PENALTY = -1e30  # the score of what is forbidden
FORBIDDEN = -1e29  # what is below it stays forbidden, whatever the temperature


class Decoder:
    """Finds segments: at a `min_score` of 0 those of the best path, else all that are at least so probable.

    exported (Exported): Tags, transitions and temperature.
    """

    def __init__(self, exported: Exported) -> None:
        self.min_score, self._temperature = exported.min_score, np.float32(exported.temperature)
        self._scheme = scheme = TagScheme(exported.labels)
        self._patterns = scheme.patterns().tolist()
        # A token of these goes on with what has begun before it.
        self._inner = ~scheme.legality().start
        cooled = (np.where(s > FORBIDDEN, s / self._temperature, s) for s in exported.transitions)
        self._transitions = Transitions(*cooled)

    def cooled(
        self, emissions: npt.NDArray[np.float32], is_white_space: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float32]:
        """Divide emissions by the temperature of the pipeline, and forbid white space at the edges of entities.

        emissions (npt.NDArray): (n, n_tags)
        is_white_space (npt.NDArray): (n,)
        RETURNS (npt.NDArray): (n, n_tags), a new array.
        """
        scores = emissions / self._temperature
        white_space = WhiteSpace(is_white_space, is_white_space, is_white_space)
        scores[self._scheme.illegal_cells(white_space)] = PENALTY
        return scores

    def path(self, kind: int, length: int) -> list[int]:
        """The tags of a segment."""
        return self._scheme.path(Entity(0, length, self._scheme.labels[kind]))

    def __call__(self, scores: npt.NDArray[np.float32]) -> list[Segment]:
        """Find the segments of a text.

        scores (npt.NDArray): (n_tokens, n_tags), cooled, with evidence; at least one token.
        RETURNS (list[Segment]): In order, without overlap.
        """
        chain = Chain(scores, self._transitions)
        if self.min_score:
            return choose(list(chain.probable_segments(self._patterns, self.min_score)), self.min_score)
        return self._of_path(chain, chain.best_path())

    def long(self, scores: Rows) -> list[Segment]:
        """The same of a text whose scores lie on disk."""
        found: list[Segment] = []
        if self.min_score:
            for first, own, chain in parts(scores, self._transitions, self._may_go_on):
                probable = chain.probable_segments(self._patterns, self.min_score)
                found += [moved for segment in probable if (moved := _moved(segment, first)).start >= own]
            return choose(found, self.min_score)
        path = best_path(scores, self._transitions)
        inner = self._inner[path]
        for first, own, chain in parts(
            scores, self._transitions, lambda first, chain: inner[first : first + len(chain)]
        ):
            segments = self._of_path(chain, path[first : first + len(chain)], own - first)
            found[:0] = [_moved(segment, first) for segment in segments]
        return found

    def _may_go_on(self, first: int, chain: Chain) -> npt.NDArray[np.bool_]:
        # A segment is no more probable than that one of its tokens is inside of any.
        inside: npt.NDArray[np.bool_] = chain.marginals()[:, self._inner].sum(1) >= self.min_score
        return inside

    def _of_path(self, chain: Chain, path: TagsT, own: int = 0) -> list[Segment]:
        return [
            Segment(own + start, own + end, self._scheme.labels.index(label), chain.probability(own + start, tags))
            for start, end, label in self._scheme.entities(path[own:])
            for tags in [path[own + start : own + end].tolist()]
        ]


def _moved(segment: Segment, by: int) -> Segment:
    return segment._replace(start=segment.start + by, end=segment.end + by)
