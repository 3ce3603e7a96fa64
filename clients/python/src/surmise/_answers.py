"""What the daemon says of events: predictions, outcomes, alarms, and why an event was surprising."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from ._decode import Answer
from ._expected import Expected, ExpectedNumber, ExpectedSymbols, name
from ._html import bar, bits, cell, number, percent, rarity, table


@dataclass(frozen=True)
class Prediction(Answer):
    """What is expected of the next event: one distribution per field."""

    stream: str = ""
    """The name of the stream; empty inside an outcome."""
    offset: int = 0
    """The offset that the next event would have: the prediction reflects every event before it."""
    model_version: int = 0
    """The version of the model that made the prediction."""
    key: Optional[str] = None
    """The key that was asked about, if any."""
    end: Optional[float] = None
    """Probability that the key ends instead of going on, where keys of the stream end."""
    fields: dict[str, Expected] = dataclasses.field(default_factory=dict)
    """What is expected of every field, by name."""

    def __getitem__(self, name: str) -> Expected:
        return self.fields[name]

    @property
    def best(self) -> dict[str, Any]:
        """The likeliest symbol or the point forecast of every field."""
        return {name: expected.best for name, expected in self.fields.items()}

    def __repr__(self) -> str:
        lines = [f"event {self.offset}{_of(self.stream, self.key)}"]
        lines += [f"  {name}: {expected!r}" for name, expected in self.fields.items()]
        if self.end is not None:
            lines.append(f"  end: {percent(self.end)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for field_name, expected in self.fields.items():
            if isinstance(expected, ExpectedSymbols):
                listed = [*((name(symbol), p) for symbol, p in expected.top), ("other", expected.other)]
                for i, (symbol, p) in enumerate(listed):
                    shown = field_name if i == 0 else ""
                    rows.append([cell(shown), cell(symbol), cell(percent(p), right=True), bar(p)])
            else:
                rows.append([cell(field_name), cell(repr(expected)), cell(""), cell("")])
        if self.end is not None:
            rows.append([cell("end", faint=True), cell(""), cell(percent(self.end), right=True), bar(self.end)])
        return table(["field", "expected", "p", ""], rows, f"event {self.offset}{_of(self.stream, self.key)}")


@dataclass(frozen=True)
class Forecast(Answer):
    """What is expected of the next events, the nearest first."""

    stream: str = ""
    offset: int = 0
    """The offset that the next event would have."""
    model_version: int = 0
    horizon: int = 0
    """How many events were asked for."""
    key: Optional[str] = None
    steps: list[Prediction] = dataclasses.field(default_factory=list)
    """The predictions, the nearest first."""

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, step: int) -> Prediction:
        return self.steps[step]

    def __repr__(self) -> str:
        head = f"forecast of {len(self.steps)} events{_of(self.stream, self.key)}, from event {self.offset} on"
        return "\n".join([head, *(f"  +{i + 1}: {step.fields!r}" for i, step in enumerate(self.steps))])

    def _repr_html_(self) -> str:
        names = list(self.steps[0].fields) if self.steps else []
        rows = []
        for i, step in enumerate(self.steps):
            cells = [cell(f"+{i + 1}", right=True)]
            cells += [cell(short(step.fields[name])) for name in names if name in step.fields]
            rows.append(cells)
        return table(["step", *names], rows, f"forecast{_of(self.stream, self.key)}, from event {self.offset} on")


@dataclass(frozen=True)
class FieldOutcome(Answer):
    """A field's part of the surprise of an event."""

    surprise_bits: float = 0.0
    excess_bits: float = 0.0
    word: Optional[dict[str, Any]] = None
    """Of a text: its oddest word."""


@dataclass(frozen=True)
class Drift(Answer):
    """A lasting change of a stream: of its loss, of the level of a number, or of the rate of events."""

    stream: str = ""
    detector: str = ""
    """What was watched: `loss`, `level` or `rate`."""
    field: Optional[str] = None
    """The number whose level changed, or the field whose loss rose; `None` if that of the whole event did."""
    began: int = 0
    """The offset where the change began, as far as the detector can say."""
    noticed: int = 0
    bits_before: float = 0.0
    bits_after: float = 0.0
    level_before: Optional[float] = None
    level_after: Optional[float] = None


@dataclass(frozen=True)
class Part(Answer):
    """One part of an event: the value of a field, one word of a text, or that its key ended or went on."""

    name: str = ""
    value: Optional[str] = None
    """The value that came, as text; `None` if it was missing."""
    place: Optional[tuple[int, int]] = None
    """Of a word: where its first byte is in the text, and where the next word begins."""
    surprise_bits: float = 0.0
    excess_bits: float = 0.0
    expected: Optional[Expected] = None
    """What was expected before the part came."""
    by: Optional[str] = None
    """Which context, source or expert had the largest share in what was expected most."""
    last_seen: Optional[int] = None
    """The offset of the latest earlier event with a part like this one."""

    def __repr__(self) -> str:
        instead = "" if self.expected is None else f", expected {short(self.expected)}"
        return f"{self.name} {name(self.value)}: {bits(self.surprise_bits)} bits, {self.excess_bits:+.2f}{instead}"


@dataclass(frozen=True)
class Alarm(Answer):
    """An incident of a stream, as it stands now, with an event that shows it."""

    stream: str = ""
    kind: str = ""
    """What is unusual: `value`, `new`, `run`, `level`, `spread`, `flat`, `rate`, `missing`, `end` or `silent`."""
    phase: str = ""
    """Where the incident stands: `begins`, `goes_on` or `ended`."""
    began: int = 0
    """The offset of the incident's first unusual event."""
    offset: int = 0
    """The offset of its latest unusual event."""
    oddest: int = 0
    """The offset of its most unusual event so far."""
    count: int = 0
    """Its unusual events so far."""
    rarity_events: float = 0.0
    """How rare its most unusual event is: once in so many events of this stream."""
    rarity_seconds: Optional[float] = None
    field: Optional[str] = None
    """The field that is most unusual, if it is one field."""
    key: Optional[str] = None
    """The key that is unusual, where that is not the key of the event: one that fell silent, or was odd as a whole."""
    time: Optional[str] = None
    """The time of the event that it began with, RFC 3339."""
    event_offset: int = 0
    """The offset of `event`: what it was noticed with, or if one before was odder, the first that outdoes it."""
    event: Optional[dict[str, Any]] = None
    """The unusual event, as it would be sent."""
    surprise_bits: float = 0.0
    excess_bits: float = 0.0
    parts: list[Part] = dataclasses.field(default_factory=list)
    """The parts of the event, the one with the largest excess first, with what was expected instead."""

    def __repr__(self) -> str:
        subject = self.key or self.field
        where = f" of {subject}" if subject else ""
        odd = f"; {self.parts[0]!r}" if self.parts else ""
        stream = f"{self.stream} " if self.stream else ""
        return f"{stream}{self.kind}{where} {self.phase} at event {self.began}, {rarity(self.rarity_events)}{odd}"

    def _repr_html_(self) -> str:
        return _parts_table(self.parts, repr(self))


@dataclass(frozen=True)
class AlarmList(Answer):
    """The latest incidents, the latest first."""

    stream: str = ""
    begun: int = 0
    """Incidents that began, as far back as checkpoints know."""
    alarms: list[Alarm] = dataclasses.field(default_factory=list)

    def __iter__(self) -> Iterator[Alarm]:
        return iter(self.alarms)

    def __len__(self) -> int:
        return len(self.alarms)

    def __getitem__(self, place: int) -> Alarm:
        return self.alarms[place]

    def __repr__(self) -> str:
        return "\n".join([f"{self.begun} incidents began", *(f"  {alarm!r}" for alarm in self.alarms)])

    def _repr_html_(self) -> str:
        rows = []
        for alarm in self.alarms:
            odd = alarm.parts[0] if alarm.parts else None
            instead = short(odd.expected) if odd is not None and odd.expected is not None else ""
            rows.append([
                cell(alarm.time or ""), cell(alarm.stream), cell(alarm.began, right=True),
                cell(f"{alarm.kind} {alarm.key or alarm.field or ''}"), cell(rarity(alarm.rarity_events)),
                cell(name(odd.value) if odd is not None else ""), cell(instead),
            ])  # fmt: skip
        heads = ["time", "stream", "event", "kind", "rarity", "odd", "expected"]
        return table(heads, rows, f"{self.begun} incidents began")


@dataclass(frozen=True)
class Session(Answer):
    """A session that is over: all events of a key from its first to its end."""

    key: Optional[str] = None
    first_offset: int = 0
    last_offset: int = 0
    events: int = 0
    surprise_bits: float = 0.0
    anomaly_score: float = 0.0
    rarity_sessions: float = 0.0
    why: Optional[dict[str, Any]] = None


@dataclass(frozen=True)
class Outcome(Answer):
    """The outcome of one event: how probable its prediction had made it."""

    stream: str = ""
    offset: int = 0
    """The position of the event in its stream."""
    surprise_bits: float = 0.0
    """The surprise of the event: −log₂ of its probability."""
    excess_bits: float = 0.0
    """The excess of that surprise over what was expected of it, in bits."""
    anomaly_score: float = 0.0
    """How unusual the event is for its stream, from 0 to 1; it rises with `rarity_events`."""
    rarity_events: float = 0.0
    """How rare an event so unusual is: once in so many events of this stream."""
    seq: Optional[int] = None
    """The producer's number of the event."""
    key: Optional[str] = None
    fields: dict[str, FieldOutcome] = dataclasses.field(default_factory=dict)
    """Each field's part of the surprise."""
    model_version: int = 0
    drift: list[Drift] = dataclasses.field(default_factory=list)
    """Lasting changes of the stream that were noticed with this event."""
    alarm: Optional[Alarm] = None
    """The incident that the event begins or goes on with, or that is over by now."""
    parts: list[Part] = dataclasses.field(default_factory=list)
    """Of an event that begins an incident: its parts, with what was expected instead."""
    sessions: list[Session] = dataclasses.field(default_factory=list)
    """The sessions that are over with this event."""
    event: Optional[dict[str, Any]] = None
    """The event itself, for those that follow the stream."""
    next: Optional[Prediction] = None
    """The prediction of the next event, if the producer asked for it."""
    brief: bool = False
    """Whether fields and prediction are left out, as too many replies were not read."""

    def __repr__(self) -> str:
        rare = rarity(self.rarity_events)
        return f"event {self.offset}{_of(self.stream, self.key)}: {bits(self.surprise_bits)} bits, {rare}"


@dataclass(frozen=True)
class Why(Answer):
    """Why an event was as surprising as it was: its parts, the one with the largest excess first."""

    stream: str = ""
    offset: int = 0
    events: int = 1
    """How many offsets its record takes."""
    event: Optional[dict[str, Any]] = None
    """The event itself, as it would be sent."""
    surprise_bits: float = 0.0
    excess_bits: float = 0.0
    anomaly_score: float = 0.0
    rarity_events: float = 0.0
    alarm: Optional[Alarm] = None
    model_version: int = 0
    parts: list[Part] = dataclasses.field(default_factory=list)
    replayed: int = 0
    """How many records were learnt again to answer."""

    def __repr__(self) -> str:
        return "\n".join([self._head(), *(f"  {part!r}" for part in self.parts)])

    def _repr_html_(self) -> str:
        return _parts_table(self.parts, self._head())

    def _head(self) -> str:
        cost = f"{bits(self.surprise_bits)} bits, {self.excess_bits:+.2f} beyond what was expected"
        return f"event {self.offset} of {self.stream}: {cost}; {rarity(self.rarity_events)}"


def short(expected: Expected) -> str:
    """Write what was expected in a few words."""
    if isinstance(expected, ExpectedNumber):
        span = expected.interval
        return number(expected.mean) + (f" ({number(span[0])} … {number(span[1])})" if span else "")
    return ", ".join(f"{name(symbol)} {percent(p)}" for symbol, p in expected.top[:3])


def _of(stream: str, key: Optional[str]) -> str:
    return (f" of {stream}" if stream else "") + (f", key {key}" if key is not None else "")


def _parts_table(parts: list[Part], caption: str) -> str:
    most = max([abs(part.excess_bits) for part in parts] + [1e-9])
    rows = []
    for part in parts:
        instead = "" if part.expected is None else short(part.expected)
        seen = "" if part.last_seen is None else f"event {part.last_seen}"
        rows.append([
            cell(part.name), cell(name(part.value)), cell(bits(part.surprise_bits), right=True),
            cell(f"{part.excess_bits:+.2f}", right=True), bar(part.excess_bits / most, f"{part.excess_bits:+.2f} bits"),
            cell(instead), cell(seen, faint=True),
        ])  # fmt: skip
    return table(["part", "value", "bits", "excess", "", "expected", "last seen"], rows, caption)
