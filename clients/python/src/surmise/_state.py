"""What the daemon says of streams, checkpoints and itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from ._answers import Drift
from ._decode import Answer
from ._html import bits, cell, percent, table


@dataclass(frozen=True)
class StreamStatus(Answer):
    """The whole state of a stream: options, losses of every expert, counts."""

    stream: str = ""
    offset: int = 0
    """The offset that the next event will have."""
    model_version: int = 0
    keys: int = 0
    """Keys whose state is kept, in memory or in the store."""
    keys_stored: int = 0
    keys_forgotten: int = 0
    schema: dict[str, Any] = dataclasses.field(default_factory=dict)
    begun_like: Optional[dict[str, Any]] = None
    """The stream with whose knowledge it began, and the offset up to which that one had learnt."""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The options with which the learner was made."""
    report: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Losses of the mixture, of every expert and of every field."""
    state_bytes: int = 0
    state_hash: Optional[str] = None
    """A hash of everything that decides future predictions, if it was asked for."""
    last_event_time: Optional[str] = None
    alarms: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What the budget of alarms promised, and what came."""
    checkpoint: Optional[dict[str, Any]] = None
    refused: dict[str, int] = dataclasses.field(default_factory=dict)
    """Events that were refused, by the code."""
    quarantined: int = 0
    updates_rejected: dict[str, int] = dataclasses.field(default_factory=dict)
    failed: Optional[str] = None
    """Why the stream does not learn any more, if it has failed."""


@dataclass(frozen=True)
class StreamRow(Answer):
    """One stream in the list of all."""

    stream: str = ""
    offset: int = 0
    """The offset that the next event will have."""
    committed_offset: int = 0
    """The offset before which all events are durable."""
    model_version: int = 0
    keys: int = 0
    schema: dict[str, Any] = dataclasses.field(default_factory=dict)
    recent_bits: Optional[float] = None
    """The mean surprise of the latest events, in bits."""
    last_event_time: Optional[str] = None
    failed: Optional[str] = None
    group: str = ""
    events_per_second: float = 0.0
    skill: Optional[float] = None
    """1 − loss / loss of the best simple expert of each field, over about the latest hour."""
    incidents: int = 0
    promised: float = 0.0
    last_incident: Optional[dict[str, Any]] = None
    drift: Optional[Drift] = None
    trend: Optional[list[Optional[float]]] = None
    """Bits per event of each of the latest thirty minutes, the oldest first, if it was asked for."""


@dataclass(frozen=True)
class StreamList(Answer):
    """All streams, sorted by name."""

    streams: list[StreamRow] = dataclasses.field(default_factory=list)

    def __iter__(self) -> Iterator[StreamRow]:
        return iter(self.streams)

    def __len__(self) -> int:
        return len(self.streams)

    def __getitem__(self, place: int) -> StreamRow:
        return self.streams[place]

    def _repr_html_(self) -> str:
        rows = []
        for row in self.streams:
            recent = "" if row.recent_bits is None else bits(row.recent_bits)
            skill = "" if row.skill is None else percent(row.skill)
            rows.append([
                cell(row.stream), cell(row.offset, right=True), cell(f"{row.events_per_second:.1f}", right=True),
                cell(recent, right=True), cell(skill, right=True), cell(row.incidents, right=True),
            ])  # fmt: skip
        return table(["stream", "events", "events/s", "bits", "skill", "incidents"], rows)


@dataclass(frozen=True)
class HistoryPoint(Answer):
    """What happened in one span of time."""

    time: int = 0
    """The second since 1970 at which the span begins."""
    events: int = 0
    bits: float = 0.0
    rarest: float = 0.0
    """How rare the rarest event was: once in so many."""
    incidents: int = 0
    distinct: int = 0
    """Distinct symbols and templates that were known at its end."""


@dataclass(frozen=True)
class RareEvent(Answer):
    """An event that was rare for its stream."""

    offset: int = 0
    time: float = 0.0
    """When it arrived, in seconds since 1970."""
    key: Optional[str] = None
    rarity_events: float = 0.0
    """It was as unusual as one in so many events."""
    surprise_bits: float = 0.0


@dataclass(frozen=True)
class RarityCount(Answer):
    """How many events were at least so rare."""

    rarity_events: float = 0.0
    events: int = 0


@dataclass(frozen=True)
class Surprises(Answer):
    """The rarest events of the latest days, and how often events were how rare."""

    stream: str = ""
    events: int = 0
    """Events that were judged, since the stream began."""
    counts: list[RarityCount] = dataclasses.field(default_factory=list)
    surprises: list[RareEvent] = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class Template(Answer):
    """A template of lines."""

    field: str = ""
    text: str = ""
    """Its text, with placeholders such as `<number>` where it varies."""
    lines: int = 0
    latest_offset: Optional[int] = None
    """The offset of the latest event with it, as far as that is known."""


@dataclass(frozen=True)
class Templates(Answer):
    """The templates of a stream's lines, those of the most lines first."""

    stream: str = ""
    count: int = 0
    templates: list[Template] = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class KnownKey(Answer):
    """A key that the daemon has in memory."""

    key: str = ""
    events: int = 0
    """Its events so far."""
    latest_offset: int = 0
    """The offset of its latest event."""
    latest_time: Optional[str] = None
    """The time of its latest event, RFC 3339, where events have times."""
    is_silent: bool = False
    """Whether it is silent for far longer than keys of this stream are that speak again."""


@dataclass(frozen=True)
class Keys(Answer):
    """The keys of a stream."""

    stream: str = ""
    count: int = 0
    """How many there are in memory; others lie in the store, which a status counts."""
    keys: list[KnownKey] = dataclasses.field(default_factory=list)
    """The first of them in the order that was asked for."""


@dataclass(frozen=True)
class LossWindow(Answer):
    """What the mixture and every expert lost over the latest time."""

    name: str = ""
    """One of `minute`, `hour`, `day` and `ever`."""
    seconds: float = 0.0
    events: int = 0
    loss_bits_per_event: float = 0.0
    simple_bits_per_event: float = 0.0
    """Bits per event of the best simple expert of each field."""
    experts: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    """Bits per event of every expert of each of the first 16 fields, as `field/expert`."""


@dataclass(frozen=True)
class History(Answer):
    """The latest spans of one length, the oldest first; a span without events is left out."""

    stream: str = ""
    span_seconds: int = 0
    spans_max: int = 0
    now: float = 0.0
    points: list[HistoryPoint] = dataclasses.field(default_factory=list)
    windows: list[LossWindow] = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class LoggedEvent(Answer):
    """One event of the log."""

    offset: int = 0
    arrival: Optional[str] = None
    """When the daemon received it, if that is known; it takes the place of a time that the event lacks."""
    event: Optional[dict[str, Any]] = None
    """The event as it would be sent."""


@dataclass(frozen=True)
class LoggedEvents(Answer):
    """A part of a stream's log."""

    stream: str = ""
    end: int = 0
    """The offset that the next event of the stream will have."""
    begin: int = 0
    """The first offset that the log still holds."""
    events: list[LoggedEvent] = dataclasses.field(default_factory=list)

    def __iter__(self) -> Iterator[LoggedEvent]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)


@dataclass(frozen=True)
class Checkpoint(Answer):
    """One checkpoint in the store."""

    stream: str = ""
    generation: int = 0
    """The number of the checkpoint; later ones have larger numbers."""
    offset: int = 0
    """The offset of the first event that the checkpoint does not contain."""
    time: str = ""
    bytes: int = 0
    state_hash: Optional[str] = None
    pinned: bool = False
    label: Optional[str] = None


@dataclass(frozen=True)
class CheckpointList(Answer):
    """Checkpoints in the store."""

    checkpoints: list[Checkpoint] = dataclasses.field(default_factory=list)

    def __iter__(self) -> Iterator[Checkpoint]:
        return iter(self.checkpoints)

    def __len__(self) -> int:
        return len(self.checkpoints)

    def __getitem__(self, place: int) -> Checkpoint:
        return self.checkpoints[place]


@dataclass(frozen=True)
class LineRefusal(Answer):
    """The refusal of one posted line."""

    line: int = 0
    """The number of the line in the body, from 1."""
    code: str = ""
    field: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Accepted(Answer):
    """What became of posted events, told once they are durable."""

    accepted: int = 0
    """Events that were learnt and are durable."""
    rejected: int = 0
    """Events that were refused."""
    duplicates: int = 0
    """Events that were recognised as sent before and not learnt again."""
    errors: list[LineRefusal] = dataclasses.field(default_factory=list)
    """The first refusals, in the order of lines; all are counted."""


@dataclass(frozen=True)
class Changed(Answer):
    """What became of a stream that was reset, restored, renamed, learnt again, deleted or brought back."""

    stream: str = ""
    epoch: Optional[int] = None
    """Which incarnation of the name it is; `None` if it is gone."""
    offset_before: int = 0
    offset: int = 0
    refused: dict[str, int] = dataclasses.field(default_factory=dict)
    forgotten: int = 0
    """Events that are forgotten now, with what was said of them."""
    held_ms: int = 0
    """How long events of the stream waited, in milliseconds."""


@dataclass(frozen=True)
class Health(Answer):
    """Whether the daemon works and accepts events."""

    status: str = ""
    """One of `ok`, `starting`, `stopping`, `full` and `failed`."""
    server: str = ""
    uptime_seconds: float = 0.0
    detail: Optional[str] = None
    disk: Optional[dict[str, Any]] = None


@dataclass(frozen=True)
class StateHash(Answer):
    """The hash of a stream's learner, and the offset that it is of."""

    stream: str = ""
    offset: int = 0
    state_hash: str = ""
