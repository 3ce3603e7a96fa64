"""Scores for the rows of a pandas frame: how surprising each is, and what was expected instead.

>>> import pandas
>>> from surmise.pandas import score
>>> frame = pandas.read_csv("readings.csv", parse_dates=["date"])
>>> scores = score(frame, time="date")
>>> frame[scores.rarity_events > 10_000]
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from ._answers import Prediction
from ._producer import Producer
from ._programs import find_program
from ._replay import replay_scores
from ._wire import Event
from .errors import ProtocolError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["score", "score_with"]

#: Columns of the scores that are text.
_TEXTS = ("key", "time", "why")


def score(
    frame: DataFrame,
    *,
    key: Optional[Hashable] = None,
    time: Optional[Hashable] = None,
    target: Optional[str] = None,
    fields: Optional[Mapping[str, str]] = None,
    columns: Optional[Sequence[Hashable]] = None,
    settings: Optional[Mapping[str, Any]] = None,
    program: Union[str, os.PathLike[str], None] = None,
) -> DataFrame:
    """Learn the rows of a frame in their order, and give the scores of each, with the frame's index.

    Every row is predicted before it is learnt, so the scores are what a daemon would have said as the rows came.
    The columns are `surprise_bits`, `anomaly_score` (from 0 to 1), `rarity_events` (once in so many events), `why` (the
    field or word that is odd), and for each number what was expected: `FIELD_yhat`, `FIELD_yhat_lower`,
    `FIELD_yhat_upper`. Of a `target` that is no number they are `TARGET_yhat`, the likeliest symbol, and
    `TARGET_probability`. `columns` chooses what is looked at; `key` and `time` name columns; a time without a zone is
    taken as UTC. The other keywords are those of `replay`. Needs pandas and the program `surmise`, but no daemon.
    """
    import pandas as pd  # noqa: PLC0415

    find_program("surmise", program)
    named = _named(frame, key, time, columns)
    key_name, time_name = _name(key), _name(time)
    names = [str(name) for name in (frame.columns if columns is None else columns)]
    names += [name for name in (key_name, time_name) if name is not None and name not in names]
    if len(frame) == 0:
        return pd.DataFrame(index=frame.index, columns=["surprise_bits", "anomaly_score", "rarity_events", "why"])
    rows = replay_scores(
        _rows(frame, named, names),
        names,
        key=key_name,
        time=time_name,
        target=target,
        fields=fields,
        settings=settings,
        program=program,
    )
    if len(rows) != len(frame):
        raise ProtocolError(f"surmise scored {len(rows)} of {len(frame)} rows; `surmise inspect` says what it reads")
    texts = {*_TEXTS, f"{target}_yhat"} if f"{target}_probability" in rows[0] else {*_TEXTS}
    scores: dict[str, list[Any]] = {}
    for name in rows[0]:
        if name in ("offset", "key", "time"):
            continue
        scores[name] = [row[name] if name in texts else _number(row[name]) for row in rows]
    return pd.DataFrame(scores, index=frame.index)


def score_with(
    producer: Producer,
    frame: DataFrame,
    *,
    key: Optional[Hashable] = None,
    time: Optional[Hashable] = None,
    columns: Optional[Sequence[Hashable]] = None,
) -> DataFrame:
    """Have a daemon's stream learn the rows of a frame in their order, and give the scores of each.

    The columns are `surprise_bits`, `excess_bits`, `anomaly_score`, `rarity_events`, `why` (the field whose excess is
    largest) and, if the producer wants `next`, `FIELD_expected` for every field: what was expected after the row before
    with the same key. A row that is refused, or that the daemon had already, has no scores.
    """
    import pandas as pd  # noqa: PLC0415

    named = _named(frame, key, time, columns)
    key_name, time_name = _name(key), _name(time)
    others = [name for name in (key_name, time_name) if name is not None]
    chosen = [str(name) for name in (frame.columns if columns is None else columns) if str(name) not in others]
    values = {name: frame[named[name]].tolist() for name in [*chosen, *others]}
    first = producer.next_seq
    scores: list[dict[str, Any]] = [{} for _ in range(len(frame))]
    expected: dict[Optional[str], Prediction] = {}
    for outcome in producer.exchange(_events(values, chosen, key_name, time_name, len(frame))):
        row = scores[(outcome.seq or 0) - first]
        for name in ("surprise_bits", "excess_bits", "anomaly_score", "rarity_events"):
            row[name] = getattr(outcome, name)
        row["why"] = max(outcome.fields, key=lambda name: outcome.fields[name].excess_bits, default=None)
        before = expected.get(outcome.key)
        if before is not None:
            row.update({f"{name}_expected": value for name, value in before.best.items()})
        if outcome.next is not None:
            expected[outcome.key] = outcome.next
    heads = ["surprise_bits", "excess_bits", "anomaly_score", "rarity_events", "why"]
    heads += sorted({name for row in scores for name in row} - set(heads))
    return pd.DataFrame(scores, index=frame.index, columns=heads)


def _events(
    values: Mapping[str, Sequence[Any]], chosen: Sequence[str], key: Optional[str], time: Optional[str], count: int
) -> Iterator[Event]:
    """Give the rows of a frame as events."""
    for i in range(count):
        data = {name: _plain(values[name][i]) for name in chosen}
        at = None if time is None else _plain(values[time][i])
        whose = None if key is None else _plain(values[key][i])
        yield Event(data, None if whose is None else str(whose), at)


def _name(column: Optional[Hashable]) -> Optional[str]:
    """Give the name of a column, which may be a number, as text."""
    return None if column is None else str(column)


def _named(
    frame: Any, key: Optional[Hashable], time: Optional[Hashable], columns: Optional[Sequence[Hashable]]
) -> dict[str, Any]:
    """Give the columns of a frame by their names as text; those that are asked for have to be there, and once."""
    named = {str(name): name for name in frame.columns}
    texts = [str(name) for name in frame.columns]
    asked = frame.columns if columns is None else columns
    for name in map(str, [*asked, *(name for name in (key, time) if name is not None)]):
        if name not in named:
            raise KeyError(f"the frame has no column {name!r}")
        if texts.count(name) > 1:
            raise ValueError(f"the frame has two columns {name!r}: give each a name of its own")
    return named


def _is_missing(value: Any) -> bool:
    """Tell whether a value is none: `None`, NaN, NaT or `pandas.NA`."""
    try:
        return value is None or bool(value != value)  # noqa: PLR0124
    except TypeError:
        # pandas.NA beside itself is neither equal nor not
        return True


def _plain(value: Any) -> Any:
    """Give a value as an event can have it; what is missing is `None`, and a time without a zone is UTC."""
    if _is_missing(value):
        return None
    if isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    return _text(value) if hasattr(value, "isoformat") else value


def _rows(frame: Any, named: Mapping[str, Any], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give the rows of a frame as texts of a CSV file."""
    columns = [frame[named[name]].tolist() for name in names]
    for values in zip(*columns):
        yield {name: _text(value) for name, value in zip(names, values)}


def _text(value: Any) -> str:
    """Write a value as a cell; what is missing is empty."""
    if _is_missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, numbers.Real):
        return "" if not math.isfinite(value) else repr(value if isinstance(value, int) else float(value))
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        return text + "Z" if getattr(value, "tzinfo", None) is None and "T" in text else text
    return str(value)


def _number(text: str) -> float:
    return float(text) if text else math.nan
