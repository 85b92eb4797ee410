"""Parameters of a method: a frozen dataclass, as `curation.params` reads them, and lists of weights."""

import numpy as np
from numpy.typing import NDArray

from curation.params import ParamsError, param, params_dict, params_schema, parse_params


def weights(text: str, count: int, what: str) -> NDArray[np.float64]:
    """float64[count] of "2, 1, 1"; ones for an empty text. `what` there is one of for each: "method".

    Raises `ParamsError` for "weights": no number, negative, all 0, or not as many.
    """
    told = [piece.strip() for piece in text.split(",") if piece.strip()]
    if not told:
        return np.ones(count)
    try:
        found = np.array([float(piece) for piece in told])
    except ValueError:
        raise ParamsError("weights", f"must be numbers with commas between, not {text[:80]!r}") from None
    if len(found) != count:
        raise ParamsError("weights", f"must be {count}, one a {what}, not {len(found)}")
    if not (np.isfinite(found).all() and (found >= 0).all() and found.any()):
        raise ParamsError("weights", "must be 0 or more, and not all 0")
    return found


__all__ = ["ParamsError", "param", "params_dict", "params_schema", "parse_params", "weights"]
