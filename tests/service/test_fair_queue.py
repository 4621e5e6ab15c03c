"""Fair queue: owners take turns, and texts of one owner stay in order."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from spacy_zh_tw_ner.service.fair_queue import SLICED_CHARS, TEXT_COST, FairQueue, QueuedText

LONG = "長" * (SLICED_CHARS + 1)


def texts(jobs: list[QueuedText]) -> list[str]:
    return [job.text for job in jobs]


def test_a_small_request_does_not_wait_for_a_thousand_texts_of_another() -> None:
    queue = FairQueue()
    queue.add("big", [QueuedText("a", f"{i}") for i in range(1_000)])
    queue.add("small", [QueuedText("a", "小")])
    queue.add("stream", [QueuedText("a", "一"), QueuedText("a", "二")])
    assert texts(queue.take(6 * (TEXT_COST + 1))) == ["0", "小", "一", "1", "二", "2"]
    assert texts(queue.take(2 * (TEXT_COST + 1))) == ["3", "4"]
    assert len(queue) == 995


def test_a_long_text_is_a_batch_alone_and_skipped_texts_keep_their_position() -> None:
    queue = FairQueue()
    for owner, text in enumerate(["一", LONG, "二"]):
        queue.add(owner, [QueuedText("a", text)])
    assert texts(queue.take(10_000, below=1_000)) == ["一", "二"]
    queue.add("x", [QueuedText("a", "三")])
    assert texts(queue.take(10_000)) == [LONG]
    assert texts(queue.take(10_000)) == ["三"]
    assert not queue
    assert queue.cost == 0


def test_queued_long_texts_leave_room_for_short_ones() -> None:
    queue = FairQueue()
    queue.add(1, [QueuedText("a", LONG), QueuedText("a", LONG)])
    assert queue.has_room([QueuedText("a", "一")], limit=1_000)
    assert not queue.has_room([QueuedText("a", LONG)], limit=1_000)
    queue.add(2, [QueuedText("a", "一" * 990)])
    assert not queue.has_room([QueuedText("a", "一")], limit=1_000)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 40)), max_size=40),
    st.integers(1, 200),
    st.sets(st.integers(0, 39)),
)
def test_no_text_is_lost_and_texts_of_an_owner_stay_in_order(
    asked: list[tuple[int, str, int]], budget: int, withdrawn: set[int]
) -> None:
    queue, expected, seen = FairQueue(), defaultdict(list), defaultdict(list)
    jobs = {QueuedText(pipeline, "x" * length): owner for owner, pipeline, length in asked}
    for job, owner in jobs.items():
        queue.add(owner, [job])
    gone = {job for i, job in enumerate(jobs) if i in withdrawn}
    queue.remove(gone)
    for job, owner in jobs.items():
        if job not in gone:
            expected[owner].append(job)
    while batch := queue.take(budget):
        assert len({job.pipeline for job in batch}) == 1
        assert len(batch) == 1 or sum(job.cost for job in batch) <= budget
        for job in batch:
            seen[jobs[job]].append(job)
    assert seen == expected
    assert (len(queue), queue.cost) == (0, 0)
