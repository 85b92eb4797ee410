"""Random signs by hash: the same everywhere, and they keep lengths and angles."""

import numpy as np
import pytest

from selection.kernels import projection


def test_a_block_is_the_same_however_the_matrix_is_cut():
    whole = projection.signs(7, 0, 300, 70)
    assert set(np.unique(whole)) == {-1.0, 1.0}
    np.testing.assert_array_equal(projection.signs(7, 37, 290, 70), whole[37:290])
    np.testing.assert_array_equal(projection.signs(7, 0, 300, 33), whole[:, :33])
    assert (projection.signs(8, 0, 300, 70) != whole).mean() > 0.4


def test_the_device_makes_the_same_signs():
    far = 2**31 - 5
    for start in (0, 1_000, far):
        found = projection.hashed("cpu", 2**50 + 3, start, start + 64, 100).numpy()
        np.testing.assert_array_equal(found, projection.signs(2**50 + 3, start, start + 64, 100))


def test_signs_are_even_and_columns_and_rows_independent():
    made = projection.signs(1, 0, 4_096, 256)
    assert abs(made.mean()) < 0.005
    for table in (made, made.T):
        found = (table.T @ table) / len(table)
        off = found[~np.eye(len(found), dtype=bool)]
        assert np.abs(off.mean()) < 0.002
        assert off.std() == pytest.approx(1 / np.sqrt(len(table)), rel=0.05)


@pytest.mark.parametrize("sparse", [False, True])
def test_angles_survive_the_projection(sparse):
    """Johnson and Lindenstrauss: the error of a cosine is about 1 / sqrt(d), also of vectors with few large numbers."""
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((20, 20_000))
    if sparse:
        rows *= rng.random(rows.shape) < 0.01
    rows[10:] += rows[:10]
    exact = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    made = rows @ projection.signs(0, 0, 20_000, 1_024)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    error = (made @ made.T - exact @ exact.T)[np.triu_indices(20, 1)]
    assert np.abs(error).max() < 5 / np.sqrt(1_024)
    assert error.std() < 1.3 / np.sqrt(1_024)
