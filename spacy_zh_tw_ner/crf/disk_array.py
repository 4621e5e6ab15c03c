"""Array in a temporary file, for values that do not fit into memory and are read more than once."""

from tempfile import TemporaryFile
from typing import NoReturn

import numpy as np

from ..errors import Errors
from .transitions import FloatsT


class DiskArray:
    """Array (n_rows, n_columns) of float32 in a temporary file: rows are appended, and read in slices.

    The file is in the folder for temporary files (`TMPDIR`), without a name. It is removed at the end of the `with`
    block, even if the process is killed.

    n_columns (int): Number of columns.
    RAISES (ValueError): If the file cannot be created.
    """

    def __init__(self, n_columns: int) -> None:
        self._n_rows, self._n_columns = 0, n_columns
        try:
            # Not memory-mapped: the pages of a mapped file count as memory of the process.
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
        """Append rows, (n, n_columns).

        RAISES (ValueError): If they cannot be written, for example because the disk is full.
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
