"""Fair queue of texts: batches take one text of each request in turn (round robin)."""

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterable, Sequence
from concurrent.futures import Future

from ..entities import Found
from .own_words import RequestWords

# What a text costs beyond its characters, so that a million empty ones do not pass for nothing.
TEXT_COST = 16
# A text of more characters is read alone and in slices, between which shorter texts are read.
SLICED_CHARS = 2_048


class Job:
    """A text that waits to be read, with the words of its request; `future` gets what was found in it.

    `abandoned` says that nobody waits for it any more: a long text that is being read ends at its next slice.
    """

    __slots__ = ("abandoned", "cost", "future", "pipeline", "text", "words")

    def __init__(self, pipeline: str, text: str, words: RequestWords | None = None) -> None:
        self.pipeline, self.text, self.words = pipeline, text, words
        self.cost = len(text) + TEXT_COST
        self.abandoned = False
        self.future: Future[tuple[Found, ...]] = Future()

    @property
    def is_long(self) -> bool:
        """Return whether it is read alone and in slices."""
        return len(self.text) > SLICED_CHARS

    @property
    def size_class(self) -> int:
        """0 for a short text; of long ones, those of a class are less than twice as long as one another."""
        return len(self.text).bit_length() if self.is_long else 0


class FairQueue:
    """Texts by owner. Owners take turns; the texts of one owner stay in order.

    An owner is a request, or a stream with all of its lines:

        request 1   a a a a a …  ┐
        request 2   b            ├──▶  a b c │ a c │ a c │ a a a …
        stream 3    c c c        ┘
    """

    def __init__(self) -> None:
        self._owners: OrderedDict[Hashable, deque[Job]] = OrderedDict()
        self._waiting = Counter[int]()  # size class → cost of its texts

    def __len__(self) -> int:
        return sum(map(len, self._owners.values()))

    def __bool__(self) -> bool:
        return bool(self._owners)

    @property
    def cost(self) -> int:
        """What all texts cost that wait."""
        return self._waiting.total()

    def has_room(self, jobs: Iterable[Job], limit: int) -> bool:
        """Return whether texts may be added.

        Size classes are counted apart: a long text that waits keeps no shorter one out. Where none of a class waits,
        any number of them is taken.

        jobs (Iterable[Job]): The texts.
        limit (int): What those of a class may cost that wait.
        """
        added = Counter[int]()
        for job in jobs:
            added[job.size_class] += job.cost
        return all(not self._waiting[size] or self._waiting[size] + cost <= limit for size, cost in added.items())

    def add(self, owner: Hashable, jobs: Sequence[Job]) -> None:
        """Add texts behind those that the owner has in the queue already."""
        if jobs:
            self._owners.setdefault(owner, deque()).extend(jobs)
        for job in jobs:
            self._waiting[job.size_class] += job.cost

    def remove(self, gone: set[Job]) -> None:
        """Take out texts, wherever they are."""
        for owner, jobs in list(self._owners.items()):
            kept = deque(job for job in jobs if job not in gone)
            for job in jobs:
                self._waiting[job.size_class] -= job.cost if job in gone else 0
            if kept:
                self._owners[owner] = kept
            else:
                del self._owners[owner]

    def clear(self) -> list[Job]:
        """Take out all texts."""
        jobs = [job for of_owner in self._owners.values() for job in of_owner]
        self._owners.clear()
        self._waiting.clear()
        return jobs

    def take(self, budget: int, below: float = float("inf")) -> list[Job]:
        """Take the next batch: texts for one pipeline, one of each owner in turn, up to a budget; or one long text.

        No text overtakes another for the same pipeline, except those that are not below the limit.

        budget (int): What the texts may cost together; the first is taken in any case.
        below (float): What a text must cost less than.
        RETURNS (list[Job]): Empty where there is none.
        """
        taken: list[Job] = []
        cost, turns = 0, deque(self._owners)
        while turns and cost < budget:
            owner = turns.popleft()
            jobs = self._owners[owner]
            job = jobs[0]
            if job.cost >= below or (taken and job.pipeline != taken[0].pipeline):
                continue  # the owner keeps its place
            if taken and (job.is_long or cost + job.cost > budget):
                break
            taken.append(jobs.popleft())
            cost += job.cost
            self._waiting[job.size_class] -= job.cost
            if jobs:
                self._owners.move_to_end(owner)
                turns.append(owner)
            else:
                del self._owners[owner]
            if job.is_long:
                break
        return taken
