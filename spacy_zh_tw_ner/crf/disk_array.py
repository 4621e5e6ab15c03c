"""An array in a temporary file, for values that are too many to be held in memory and are needed more than once."""

from tempfile import TemporaryFile
from typing import NoReturn

import numpy as np

from ..errors import Errors
from .transitions import FloatsT


class DiskArray:
    """(n_rows, n_columns) float32, which grows at its end and is read in slices.

    The file is where the system keeps temporary files (`TMPDIR`), no other process sees it, and it is gone at the end
    of the `with` block, whatever happens to the process.

    n_columns (int): Numbers in a row.
    RAISES (ValueError): Where no such file can be made.
    """

    def __init__(self, n_columns: int) -> None:
        self._n_rows, self._n_columns = 0, n_columns
        try:
            # Read and not mapped: the pages of a mapped file count as memory of the process.
            self._file = TemporaryFile()  # noqa: SIM115
        except OSError as error:
            self._refuse(error)

    def __len__(self) -> int:
        return self._n_rows

    def __enter__(self) -> "DiskArray":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: FloatsT) -> None:
        """Write more rows, (n, n_columns).

        RAISES (ValueError): Where the disk is full.
        """
        try:
            self._file.seek(4 * self._n_columns * self._n_rows)
            self._file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
            self._file.flush()
        except OSError as error:
            self._refuse(error)
        self._n_rows += len(rows)

    def __getitem__(self, rows: slice) -> FloatsT:
        first, end, _ = rows.indices(self._n_rows)
        values = np.empty((max(0, end - first), self._n_columns), dtype=np.float32)
        self._file.seek(4 * self._n_columns * first)
        self._file.readinto(values.data)
        return values

    def _refuse(self, error: OSError) -> NoReturn:
        mib, reason = 4 * self._n_columns * self._n_rows / 2**20, error.strerror or error
        raise ValueError(Errors.ZT611.format(rows=self._n_rows, mib=mib, reason=reason)) from None
