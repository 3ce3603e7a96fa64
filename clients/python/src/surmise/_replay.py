"""Replay: a recording learnt in one pass by a fresh learner, without a daemon."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from ._decode import Answer
from ._html import bits, cell, number, table
from ._programs import find_program
from ._wire import Event, encode_body
from .errors import ProgramError, ProtocolError

#: A file, several that are one stream in order, or events.
Recording = Union[str, "os.PathLike[str]", Sequence[Union[str, "os.PathLike[str]"]], Iterable[Any]]


@dataclass(frozen=True)
class ExpertLoss(Answer):
    """The loss of one expert of the mixture."""

    name: str = ""
    loss_bits_per_event: float = 0.0


@dataclass(frozen=True)
class Replay(Answer):
    """What `surmise replay` measured; everything else that it says is in `raw`."""

    events: int = 0
    keys: int = 0
    loss_bits_per_event: float = 0.0
    regret_bits: float = 0.0
    """Bits lost against the best single expert."""
    experts: list[ExpertLoss] = dataclasses.field(default_factory=list)
    fields: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    """Measures of each field, by its name."""
    calibration_error: Optional[float] = None
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    events_per_second: float = 0.0
    peak_memory_bytes: int = 0
    parameters: int = 0
    state_bytes: int = 0
    state_hash: str = ""
    """A hash of everything that decides future predictions, after the last event."""
    version: str = ""

    def __repr__(self) -> str:
        loss = f"{self.loss_bits_per_event:.4f} bits per event"
        return f"<Replay of {self.events} events: {loss}, regret {bits(self.regret_bits)} bits>"

    def _repr_html_(self) -> str:
        listed: list[tuple[str, float]] = [("mixture", self.loss_bits_per_event)]
        listed += [(expert.name, expert.loss_bits_per_event) for expert in self.experts]
        rows = [[cell(name), cell(f"{loss:.4f}", right=True)] for name, loss in listed]
        caption = f"{self.events} events, {number(self.events_per_second)} events/s"
        return table(["expert", "bits per event"], rows, caption)


def replay(
    recording: Recording,
    *,
    format: Optional[str] = None,
    key: Optional[str] = None,
    time: Optional[str] = None,
    target: Optional[str] = None,
    fields: Optional[Mapping[str, str]] = None,
    horizon: Optional[int] = None,
    preset: Optional[str] = None,
    settings: Optional[Mapping[str, Any]] = None,
    arguments: Sequence[str] = (),
    program: Union[str, os.PathLike[str], None] = None,
) -> Replay:
    """Learn a recording in one pass, test-then-learn, and give what was measured.

    `recording` is a file, several files that are one stream, or events: each an `Event`, or its data. The keywords are
    the options of `surmise replay` (`settings` are those of `--set`); `arguments` are others, as on the command line.
    The program is looked for on the path, or where the variable SURMISE says.

    >>> replay(["a", "b"] * 500).loss_bits_per_event
    """
    command = [find_program("surmise", program), "replay", "--output", "json"]
    options = {
        "--format": format, "--key": key, "--time": time, "--target": target, "--horizon": horizon, "--preset": preset,
    }  # fmt: skip
    for name, value in options.items():
        if value is not None:
            command += [name, str(value)]
    for name, kind in (fields or {}).items():
        command += ["--field", f"{name}:{kind}"]
    for name, value in (settings or {}).items():
        command += ["--set", f"{name}={_setting(value)}"]
    files = _files(recording)
    if files is not None:
        return _run([*command, *arguments, "--", *files])
    with tempfile.TemporaryDirectory(prefix="surmise-replay-") as directory:
        path = Path(directory, "events.ndjson")
        path.write_bytes(encode_body(recording))  # type: ignore[arg-type]
        if format is None:
            command += ["--format", "ndjson"]
        return _run([*command, *arguments, "--", str(path)])


def replay_scores(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], **options: Any) -> list[dict[str, str]]:
    """Learn rows of a table, and give the scores of each row, as `surmise replay --scores` writes them."""
    with tempfile.TemporaryDirectory(prefix="surmise-replay-") as directory:
        table_path, scores_path = Path(directory, "rows.csv"), Path(directory, "scores.csv")
        with table_path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(rows)
        arguments = [*options.pop("arguments", ()), "--header", "yes", "--scores", str(scores_path)]
        replay(table_path, format="csv", arguments=arguments, **options)
        with scores_path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def _setting(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (bool, list)) else str(value)


def _files(recording: Recording) -> Optional[list[str]]:
    """Give the files of a recording; `None` if it is events."""
    if isinstance(recording, (str, os.PathLike)):
        return [os.fspath(recording)]
    if isinstance(recording, (list, tuple)) and recording and all(isinstance(item, os.PathLike) for item in recording):
        return [os.fspath(item) for item in recording]
    return None


def _run(command: Sequence[str]) -> Replay:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise ProgramError("surmise replay", done.returncode, done.stderr.decode("utf-8", "replace"))
    try:
        return Replay.from_json(json.loads(done.stdout))
    except ValueError as error:
        raise ProtocolError(f"surmise replay did not answer with JSON: {error}") from None


__all__ = ["Event", "ExpertLoss", "Replay", "replay", "replay_scores"]
