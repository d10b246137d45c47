"""Which characters an escape character stands before."""

import numpy as np
import numpy.typing as npt


def escaped_positions(data: npt.NDArray[np.uint8], escape: str) -> npt.NDArray[np.int64]:
    """An escape character that is escaped itself escapes nothing."""
    marks = np.flatnonzero(data == ord(escape))
    if not len(marks):
        return marks
    order = np.arange(len(marks))
    first = np.maximum.accumulate(np.where(np.diff(marks, prepend=-2) != 1, order, 0))  # of each run of them
    positions: npt.NDArray[np.int64] = marks[(order - first) % 2 == 0] + 1
    return positions
