"""How much to pick: rows, a share of the pool, or tokens."""

import re
from dataclasses import dataclass
from typing import Literal

from selection.methods.params import ParamsError

_FORM = re.compile(r"(\d+(?:[.,_ ]\d+)*)\s*(%|tok|tokens|rows)?")
MOST = 10**12


@dataclass(frozen=True)
class Budget:
    """`kind` rows or tokens: `amount` is a whole number. `kind` share: a fraction in (0, 1]."""

    kind: Literal["rows", "share", "tokens"]
    amount: float

    @classmethod
    def parse(cls, text: "str | int | Budget") -> "Budget":
        """`1000`, `1,000`, `5%`, `0.5%` or `200000tok`. Raises `ParamsError`."""
        if isinstance(text, Budget):
            return text
        wrong = ParamsError("budget", f"must look like 1000, 5% or 200000tok, not {str(text)!r}")
        match = _FORM.fullmatch(str(text).strip().lower())
        if not match:
            raise wrong
        digits, unit = match[1], match[2]
        if unit == "%":
            try:
                share = float(digits)
            except ValueError:
                raise wrong from None
            if not 0 < share <= 100:
                raise ParamsError("budget", "must be more than 0% and at most 100%")
            return cls("share", share / 100)
        if not re.fullmatch(r"\d+|\d{1,3}(?:[,_ ]\d{3})+", digits):
            raise wrong
        amount = int(re.sub(r"\D", "", digits))
        if not 0 < amount <= MOST:
            raise ParamsError("budget", f"must be at least 1 and at most {MOST:,}")
        return cls("tokens" if unit in ("tok", "tokens") else "rows", amount)

    def rows(self, pool: int) -> int | None:
        """The most rows that may be picked from a pool of `pool` rows; None for a budget of tokens."""
        if self.kind == "tokens":
            return None
        # A share of a small pool is at least one row; rounded down otherwise, so it is never exceeded.
        wanted = max(1, int(self.amount * pool + 1e-9)) if self.kind == "share" else int(self.amount)
        return min(wanted, pool)

    def __str__(self) -> str:
        if self.kind == "share":
            return f"{self.amount * 100:.10g}%"
        return f"{int(self.amount)}tok" if self.kind == "tokens" else f"{int(self.amount)}"


def tokens(chars: int) -> int:
    """Tokens of a row as the budget counts them: four characters each, rounded up, at least one."""
    return max(1, -(-chars // 4))
