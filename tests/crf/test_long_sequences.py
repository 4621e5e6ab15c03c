"""Test that a sequence computed in chunks gives the results of the whole sequence, for every chunk size."""

import errno
import tempfile
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_zh_tw_ner.crf import DiskArray, Transitions, long_sequences

from .helpers import LongSequence, bioes, both_paths, constrained, decode, infer, probable_segments, random_transitions
from .test_probable_spans import patterns


def emissions_of(n: int, n_tags: int, *, scale: float = 2.0, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, n_tags, generator=torch.Generator().manual_seed(seed)) * scale


def score(path: torch.Tensor, emissions: torch.Tensor, transitions: Transitions) -> float:
    matrix, start, end = (scores.double() for scores in transitions)
    inner = emissions.double().gather(1, path[:, None]).sum() + matrix[path[:-1], path[1:]].sum()
    return float(start[path[0]] + inner + end[path[-1]])


def assert_same(
    emissions: torch.Tensor, transitions: Transitions, size: int, compiled: bool, rows: torch.Tensor | DiskArray
) -> None:
    """Check that best path, probabilities of its parts, and probable segments equal those of the whole sequence."""
    n, n_labels = len(emissions), emissions.shape[1] // 4
    long = LongSequence(rows, transitions, size=size, compiled=compiled)
    tags, whole = long.decode(), infer(emissions, [n], transitions, compiled=compiled)
    assert tags.shape == (n,)
    if n:
        best = decode(emissions, [n], transitions, compiled=compiled)
        expected = score(best, emissions, transitions)
        assert score(tags, emissions, transitions) == pytest.approx(expected, rel=1e-5, abs=1e-4)
    pairs = [(start, end) for start in range(n) for end in range(start + 1, n + 1)]
    starts, ends = [start for start, _ in pairs], [end for _, end in pairs]
    torch.testing.assert_close(
        long.path_probabilities(tags, starts, ends), whole.path_probabilities(tags, starts, ends), atol=2e-5, rtol=0
    )
    if n_labels:
        seen = {segment[:3]: segment.score for segment in long.probable_segments(patterns(n_labels), 0.02)}
        segments = {segment[:3]: segment.score for segment in probable_segments(whole, patterns(n_labels), 0.02)}
        # Rounding can move a segment at the threshold to either side of it.
        for key in seen.keys() ^ segments.keys():
            assert (seen | segments)[key] == pytest.approx(0.02, abs=2e-5)
        assert seen == {key: pytest.approx(segments.get(key, 0.02), abs=2e-5) for key in seen}


@both_paths
@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 20),
    n_labels=st.integers(1, 2),
    size=st.integers(1, 25),
    seed=st.integers(0, 99),
    scale=st.sampled_from([0.0, 1.0, 5.0, 40.0, 300.0]),
)
def test_chunks_of_any_size_give_the_same_results(
    compiled: bool, n: int, n_labels: int, size: int, seed: int, scale: float
) -> None:
    transitions = constrained(bioes(n_labels), seed)
    emissions = emissions_of(n, 1 + 4 * n_labels, scale=scale, seed=seed)
    assert_same(emissions, transitions, size, compiled, emissions)


@both_paths
@pytest.mark.parametrize("size", [1, 7, 30, 59, 60])
def test_segments_span_several_chunks(compiled: bool, size: int) -> None:
    """Most of the 60 rows are one entity."""
    transitions, emissions = constrained(bioes(1)), emissions_of(60, 5, scale=0.5)
    emissions[:, 2] += 4.0
    assert_same(emissions, transitions, size, compiled, emissions)
    longest = max(LongSequence(emissions, transitions, size=size).probable_segments(patterns(1), 0.02))
    assert longest.end - longest.start > 50


@both_paths
def test_underflow_in_one_chunk_does_not_affect_others(compiled: bool) -> None:
    """Row 5 and the transitions favour tag 0, and the emissions from row 30 on forbid it: float32 underflows."""
    transitions = random_transitions(5)
    emissions = emissions_of(40, 5, scale=0.1)
    emissions[5, 1:] -= 150.0
    transitions.matrix[0, 1:] = -150.0
    transitions.matrix[1:, 0] = -150.0
    emissions[30:, 0] -= 300.0
    assert infer(emissions, [40], transitions, compiled=compiled).exact
    for size in (3, 10, 20):
        assert_same(emissions, transitions, size, compiled, emissions)


@both_paths
def test_at_most_one_chunk_of_emissions_is_read_at_a_time(compiled: bool) -> None:
    class Watched:
        largest = 0

        def __len__(self) -> int:
            return len(emissions)

        def __getitem__(self, rows: slice) -> np.ndarray:
            found = emissions.numpy()[rows]
            self.largest = max(self.largest, len(found))
            return found

    emissions, rows = emissions_of(500, 9), Watched()
    assert_same(emissions[:100], constrained(bioes(2)), 7, compiled, emissions[:100])
    long = LongSequence(rows, constrained(bioes(2)), size=32, compiled=compiled)
    long.path_probabilities(long.decode(), [3], [5])
    long.probable_segments(patterns(2), 0.1)
    assert rows.largest == 33


def test_no_legal_path_raises() -> None:
    transitions = random_transitions(3)
    transitions.matrix[:] = -1e30
    with pytest.raises(ValueError, match="ZT108"):
        LongSequence(torch.zeros(9, 3), transitions, size=4).decode()


# -- on disk


@both_paths
def test_disk_array_returns_the_appended_rows(compiled: bool) -> None:
    emissions = emissions_of(50, 9)
    whole = emissions.numpy()
    with DiskArray(9) as rows:
        for part in np.split(whole, [20, 20, 21]):
            rows.append(part)
        assert len(rows) == 50
        assert np.array_equal(rows[:], whole)
        assert np.array_equal(rows[45:60], whole[45:])
        assert rows[50:60].shape == rows[9:3].shape == (0, 9)
        rows.append(whole[:2].astype(np.float64))
        assert np.array_equal(rows[49:], whole[[49, 0, 1]])
        assert_same(torch.from_numpy(rows[:]), constrained(bioes(2)), 8, compiled, rows)


def test_disk_array_without_rows_is_empty() -> None:
    with DiskArray(3) as rows:
        assert len(rows) == 0
        assert rows[:].shape == (0, 3)


def test_disk_array_leaves_no_file(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with DiskArray(3) as rows:
        rows.append(np.zeros((5, 3)))
    assert not list(tmp_path.iterdir())


def test_unwritable_temporary_folder_raises(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(ValueError, match=r"ZT611.*No such file.*TMPDIR"):
        DiskArray(3)


def test_full_disk_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(BytesIO):
        def flush(self) -> None:
            if self.tell() > 2**20:
                raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(long_sequences, "TemporaryFile", Full)
    with DiskArray(256) as rows:
        rows.append(np.zeros((1024, 256)))
        with pytest.raises(ValueError, match=r"after 1,024 tokens \(1 MiB\): No space left"):
            rows.append(np.zeros((1, 256)))
