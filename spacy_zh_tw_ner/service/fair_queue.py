"""Fair queue of texts: a batch takes texts from the waiting requests in turn (round robin)."""

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterable, Sequence
from concurrent.futures import Future

from ..entities import Found
from .model_cache import ServedPipeline
from .request_gazetteer import RequestGazetteer

# Cost of a text in addition to its characters, so that the limit of the queue also bounds the number of empty texts.
TEXT_COST = 16
# A text of more characters is processed alone and in slices, with batches of shorter texts in between.
SLICED_CHARS = 2_048


class QueuedText:
    """A queued text. Its `future`, a `concurrent.futures.Future`, gets the entities (tuple of `Found`) or the error.

    `cost` is the number of characters plus TEXT_COST. The sums of costs in the queue and in a batch are limited.
    The engine sets `abandoned` to True when the result is no longer needed. Then the processing of a long text ends
    early.

    pipeline (ServedPipeline): The pipeline that processes the text.
    text (str): The text.
    gazetteer (Optional[RequestGazetteer]): Gazetteer of the request.
    """

    __slots__ = ("abandoned", "cost", "future", "gazetteer", "pipeline", "text")

    def __init__(self, pipeline: ServedPipeline, text: str, gazetteer: RequestGazetteer | None = None) -> None:
        self.pipeline, self.text, self.gazetteer = pipeline, text, gazetteer
        self.cost = len(text) + TEXT_COST
        self.abandoned = False
        self.future: Future[tuple[Found, ...]] = Future()

    @property
    def is_long(self) -> bool:
        """Return whether the text has more than SLICED_CHARS characters, and so is a batch of its own."""
        return len(self.text) > SLICED_CHARS

    @property
    def size_class(self) -> int:
        """Return 0 if `is_long` is False, else ⌊log2(characters)⌋ + 1.

        The queue limit applies to each class separately.
        """
        return len(self.text).bit_length() if self.is_long else 0


class FairQueue:
    """Queue of texts with one sub-queue per owner. Owners take turns; the texts of one owner stay in order.

    An owner is a request, or a stream with all its lines. The letters are texts, and │ divides batches:

        request 1   a a a a a …  ┐
        request 2   b            ├──▶  a b c │ a c │ a c │ a a a …
        stream 3    c c c        ┘
    """

    def __init__(self) -> None:
        self._owners: OrderedDict[Hashable, deque[QueuedText]] = OrderedDict()
        self._waiting = Counter[int]()  # size class → cost of its texts

    def __len__(self) -> int:
        return sum(map(len, self._owners.values()))

    def __bool__(self) -> bool:
        return bool(self._owners)

    @property
    def cost(self) -> int:
        """Return the total cost of all queued texts."""
        return self._waiting.total()

    def has_room(self, texts: Iterable[QueuedText], limit: int) -> bool:
        """Return whether all given texts fit into the queue.

        The limit applies to each size class separately, so that long texts do not keep shorter ones out. If no text of
        a class is queued, texts of this class always fit, even if they exceed the limit.

        texts (Iterable[QueuedText]): Texts to add.
        limit (int): Largest total `QueuedText.cost` of the queued texts of one size class.
        """
        added = Counter[int]()
        for queued in texts:
            added[queued.size_class] += queued.cost
        return all(not self._waiting[size] or self._waiting[size] + cost <= limit for size, cost in added.items())

    def add(self, owner: Hashable, texts: Sequence[QueuedText]) -> None:
        """Append texts to the sub-queue of an owner. The caller checks `has_room` before.

        owner (Hashable): Any object that identifies the request or stream.
        texts (Sequence[QueuedText]): The texts.
        """
        if texts:
            self._owners.setdefault(owner, deque()).extend(texts)
        for queued in texts:
            self._waiting[queued.size_class] += queued.cost

    def remove(self, gone: set[QueuedText]) -> None:
        """Remove the given texts from all sub-queues."""
        for owner, texts in list(self._owners.items()):
            kept = deque(queued for queued in texts if queued not in gone)
            for queued in texts:
                self._waiting[queued.size_class] -= queued.cost if queued in gone else 0
            if kept:
                self._owners[owner] = kept
            else:
                del self._owners[owner]

    def clear(self) -> list[QueuedText]:
        """Remove and return all texts."""
        texts = [queued for of_owner in self._owners.values() for queued in of_owner]
        self._owners.clear()
        self._waiting.clear()
        return texts

    def take(self, budget: int, below: float = float("inf")) -> list[QueuedText]:
        """Remove and return the next batch: one long text, or short texts, which are taken from the owners in turn.

        All texts of a batch are for the same pipeline, that of its first text. An owner is skipped if its first text
        is for another pipeline, or costs `below` or more.

        budget (int): Largest total cost of the batch; the first text may exceed it.
        below (float): Only texts that cost less are taken.
        RETURNS (list[QueuedText]): The batch; empty if no text can be taken.
        """
        taken: list[QueuedText] = []
        cost, turns = 0, deque(self._owners)
        while turns and cost < budget:
            owner = turns.popleft()
            texts = self._owners[owner]
            queued = texts[0]
            if queued.cost >= below or (taken and queued.pipeline != taken[0].pipeline):
                continue  # the owner keeps its position in the queue
            if taken and (queued.is_long or cost + queued.cost > budget):
                break
            taken.append(texts.popleft())
            cost += queued.cost
            self._waiting[queued.size_class] -= queued.cost
            if texts:
                self._owners.move_to_end(owner)
                turns.append(owner)
            else:
                del self._owners[owner]
            if queued.is_long:
                break
        return taken
