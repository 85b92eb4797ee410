"""What the methods share that read rows through a language model."""

import numpy as np

from selection.methods import lm


def test_progress_goes_by_the_work_and_not_by_the_rows():
    told = []
    done = lm.by_work([900, 50, 50, 0], told.append)
    done(np.array([0]))
    assert told == [3], "nine tenths of the work, as 3.6 of 4 rows, though one row is done"
    done(np.array([2, 1]))
    assert told == [3, 4]
