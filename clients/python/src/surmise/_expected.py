"""What is expected of one field: symbols with probabilities, or a number with quantiles."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Optional, Union

from ._decode import Answer
from ._html import bar, cell, number, percent, table


@dataclass(frozen=True)
class ExpectedSymbols(Answer):
    """The likeliest symbols of a field with their probabilities, and the probability of all others.

    >>> ExpectedSymbols(top=[("/home", 0.61), ("/cart", 0.2)], other=0.19)
    /home 61 %, /cart 20 %, other 19 %
    """

    top: list[tuple[Optional[str], float]] = dataclasses.field(default_factory=list)
    """The likeliest symbols and their probabilities, likeliest first; `None` is a missing value."""
    other: float = 0.0
    """Probability of everything that is not listed, never-seen symbols included."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "top", [(None if symbol is None else str(symbol), p) for symbol, p in self.top])

    @staticmethod
    def choose(json: Any) -> Expected:
        """Read what is expected of a field, of either kind."""
        return ExpectedSymbols.from_json(json) if "top" in json else ExpectedNumber.from_json(json)

    @property
    def best(self) -> Optional[str]:
        """The likeliest symbol."""
        return self.top[0][0] if self.top else None

    def probability(self, symbol: Optional[str]) -> Optional[float]:
        """Give the probability of a symbol, `None` if it is not among the likeliest."""
        return dict(self.top).get(symbol)

    def __repr__(self) -> str:
        listed = [f"{name(symbol)} {percent(p)}" for symbol, p in self.top]
        return ", ".join([*listed, f"other {percent(self.other)}"])

    def _repr_html_(self) -> str:
        rows = [[cell(name(symbol)), cell(percent(p), right=True), bar(p)] for symbol, p in self.top]
        rows.append([cell("other", faint=True), cell(percent(self.other), right=True), bar(self.other)])
        return table(["value", "p", ""], rows)


@dataclass(frozen=True)
class ExpectedNumber(Answer):
    """The distribution of a number, or of a gap in seconds.

    >>> ExpectedNumber(mean=12.5, median=12, quantiles={0.05: 8.0, 0.95: 19.0})
    12.5, median 12, 8 … 19 (5 … 95 %)
    """

    mean: float = 0.0
    """The point forecast."""
    median: float = 0.0
    """The value that has half of the probability on each side."""
    quantiles: dict[float, float] = dataclasses.field(default_factory=dict)
    """Quantiles by their level: `quantiles[0.95]` is exceeded once in twenty times."""
    missing: Optional[float] = None
    """Probability that the value is missing, where that has happened."""

    @property
    def best(self) -> float:
        """The point forecast."""
        return self.mean

    @property
    def interval(self) -> Optional[tuple[float, float]]:
        """The outermost quantiles, between which the value is expected."""
        return (self.quantiles[min(self.quantiles)], self.quantiles[max(self.quantiles)]) if self.quantiles else None

    def __repr__(self) -> str:
        text = f"{number(self.mean)}, median {number(self.median)}"
        if self.quantiles:
            low, high = min(self.quantiles), max(self.quantiles)
            span = f"{number(self.quantiles[low])} … {number(self.quantiles[high])}"
            text += f", {span} ({number(100 * low)} … {number(100 * high)} %)"
        return text + (f", missing {percent(self.missing)}" if self.missing else "")

    def _repr_html_(self) -> str:
        levels = sorted(self.quantiles)
        heads = ["mean", "median", *[f"{number(100 * level)} %" for level in levels]]
        values = [self.mean, self.median, *[self.quantiles[level] for level in levels]]
        return table(heads, [[cell(number(value), right=True) for value in values]])


#: What is expected of one field.
Expected = Union[ExpectedSymbols, ExpectedNumber]


def name(symbol: Optional[str]) -> str:
    """Write a symbol for people."""
    return "missing" if symbol is None else symbol
