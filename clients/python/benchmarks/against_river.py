"""The classifier against River's Hoeffding tree and softmax regression, in log-loss and speed.

`python benchmarks/against_river.py DATA [--limit N] [--plot OUT.png]` reads two files below the folder DATA:
`hdfs/hdfs_train` (one session of log keys a line; the next key of each session, its end among them, is predicted) and
`elec2/electricity.csv` (the class, given the numbers). Every model predicts each class before it learns it, and is
scored by the probability that it had given to the truth: log-loss in bits a class, a probability below 10⁻⁴ counting as
that.

River's models see the six latest keys of the session as features, and of elec2 the numbers, scaled online, and the
class before. Nobody tells any model which classes there are. Rates are by the clock and by the processor's time, in
which ours counts client and daemon together.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surmise.river import SurmiseClassifier

Pair = tuple[dict[str, Any], str]

#: The least probability that a model is charged for.
FLOOR = 1e-4

#: Keys of a session that River's models see.
LAGS = 6

#: Points of a plotted curve.
POINTS = 200


def hdfs(folder: Path, limit: int) -> tuple[list[Pair], list[Pair]]:
    """Read the sessions: what ours gets, and what River's models get."""
    ours, theirs = list[Pair](), list[Pair]()
    for number, line in enumerate((folder / "hdfs/hdfs_train").read_text().splitlines()):
        past: list[str] = []
        for key in [*line.split(), "end"]:
            ours.append(({"session": str(number)}, key))
            theirs.append(({f"lag{i}": past[-i] if i <= len(past) else "start" for i in range(1, LAGS + 1)}, key))
            past.append(key)
        if len(ours) >= limit:
            break
    return ours[:limit], theirs[:limit]


def elec2(folder: Path, limit: int) -> tuple[list[Pair], list[Pair]]:
    """Read the market: the class, given the numbers."""
    ours, theirs, before = list[Pair](), list[Pair](), "none"
    with (folder / "elec2/electricity.csv").open(newline="") as file:
        for row in itertools.islice(csv.DictReader(file), limit):
            y = row.pop("class")
            x = {name: float(value) for name, value in row.items()}
            ours.append((x, y))
            theirs.append(({**x, "before": before}, y))
            before = y
    return ours, theirs


def rivers_models() -> dict[str, Any]:
    """Make River's models, each with what it needs to take texts and numbers."""
    from river import compose, linear_model, preprocessing, tree  # noqa: PLC0415

    def features() -> Any:
        numbers = compose.SelectType((int, float)) | preprocessing.StandardScaler()
        return numbers + (compose.SelectType(str) | preprocessing.OneHotEncoder())

    return {
        "Hoeffding tree": tree.HoeffdingTreeClassifier(),
        "adaptive Hoeffding tree": tree.HoeffdingAdaptiveTreeClassifier(seed=1),
        "softmax regression": features() | linear_model.SoftmaxRegression(),
    }


def progressive(model: Any, pairs: Iterable[Pair]) -> Iterator[float]:
    """Give the probability that each class had before it was learnt."""
    for x, y in pairs:
        yield model.predict_proba_one(x).get(y, 0.0)
        model.learn_one(x, y)


@dataclass
class Measured:
    """What one model gave for one data set."""

    bits: list[float]
    wall_seconds: float
    cpu_seconds: float


def cpu_seconds(process: int | None) -> float:
    """Give the processor time of this process and, on Linux, of another one."""
    own = time.process_time()
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return own + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return own


def measure(given: Iterable[float], process: int | None = None) -> Measured:
    """Take the probabilities of the classes, and the time that they took."""
    start, cpu = time.perf_counter(), cpu_seconds(process)
    bits = [-math.log2(min(max(p, FLOOR), 1.0)) for p in given]
    return Measured(bits, time.perf_counter() - start, cpu_seconds(process) - cpu)


def measure_ours(pairs: list[Pair], key: str | None) -> Measured:
    """Measure our classifier, whose daemon is started before."""
    with SurmiseClassifier(key=key) as model:
        model._open(pairs[0][0])
        process = model._daemon._process if model._daemon is not None else None
        return measure(model.score_many(pairs), None if process is None else process.pid)


def curve(bits: list[float]) -> tuple[list[int], list[float]]:
    """Give the mean loss up to each of some places."""
    sums = list(itertools.accumulate(bits))
    places = sorted({max(1, len(bits) * i // POINTS) for i in range(1, POINTS + 1)})
    return places, [sums[place - 1] / place for place in places]


def plot(curves: dict[str, dict[str, list[float]]], out: Path) -> None:
    """Draw the mean loss so far of every model, one picture for each data set."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axes = pyplot.subplots(1, len(curves), figsize=(6 * len(curves), 4), squeeze=False)
    for axis, (title, models) in zip(axes[0], curves.items()):
        for name, bits in models.items():
            axis.plot(*curve(bits), label=name, linewidth=2 if name == "surmise" else 1)
        axis.set(title=title, xlabel="events", ylabel="bits a class, so far", ylim=(0, None))
        axis.legend()
    figure.tight_layout()
    figure.savefig(out, dpi=120)


def main() -> None:
    """Print the table, and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with hdfs and elec2")
    parser.add_argument("--limit", type=int, default=1 << 60, help="events of each data set at most")
    parser.add_argument("--plot", type=Path, help="where the curves are drawn")
    chosen = parser.parse_args()
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| data | model | log-loss, bits | events/s | events per CPU second |\n|---|---|---|---|---|")
    curves: dict[str, dict[str, list[float]]] = {}
    for title, read, key in (("HDFS", hdfs, "session"), ("elec2", elec2, None)):
        ours, theirs = read(chosen.data, chosen.limit)
        curves[title] = {}
        for name, model in {"surmise": None, **rivers_models()}.items():
            found = measure_ours(ours, key) if model is None else measure(progressive(model, theirs))
            curves[title][name] = found.bits
            events, loss = len(found.bits), sum(found.bits) / len(found.bits)
            rates = f"{events / found.wall_seconds:,.0f} | {events / found.cpu_seconds:,.0f}"
            print(f"| {title}, {events:,} | {name} | {loss:.4f} | {rates} |", flush=True)
    if chosen.plot is not None:
        plot(curves, chosen.plot)
        print(f"\n{chosen.plot}")


if __name__ == "__main__":
    main()
