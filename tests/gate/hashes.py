#!/usr/bin/env python3
"""Learns from many streams with one build of surmise and writes what came out, so that two builds can be compared.

A change that is not meant to change behaviour has to leave every learner's state, bit for bit, and every figure that is
printed about it. This script runs `surmise replay` over

  * the real streams of a folder (--data; by default $SURMISE_DATA or ../shared/data beside the repository), and
  * the recordings of known entropy (--recordings; made by cargo if no folder is given), with every preset, size of the
    network, delay, horizon, bound of keys, and with each part of the predictor left out,

and `surmise eval` over both. It writes a table with one row for each run:

  name, state_hash, loss_bits_per_event, cpu_seconds, figures, scores, input

`figures` is a digest of all other measures, `scores` of the rows that --scores writes, `input` of what went in.

  hashes.py --program OLD/surmise --out old.tsv
  hashes.py --program NEW/surmise --out new.tsv
  hashes.py --compare old.tsv new.tsv          prints what differs; exit code 1 if a state or a figure does
  hashes.py --quick …                          a subset that takes less than a minute
  hashes.py --only REGEX …                     runs whose name matches; with --compare, rows whose name does
  hashes.py --list                             names of all runs

Public names may change between two builds. NAMES below lists the spellings of each; the first that a program
understands is used. --also OLD=NEW adds one.
"""

import argparse
import concurrent.futures
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Spellings of options, of their values, and of keys in JSON, as this script writes them, and what else they may be.
NAMES = {
    "without": ["ablate", "exclude", "omit"],
    "atoms": ["point-masses"],
    "state_hash": ["hash"],
    "loss_bits_per_event": [],
    "cpu_seconds": [],
    "state_hashes": [],
    "streams": [],
    "measures": [],
    "baselines": ["references"],
}

# Measures whose values make up the digest `figures`, wherever they stand in a result.
FIGURES = """
events events_scored keys regret_bits regret_bound_bits calibration_error parameters loss_bits count mse mae
crps coverage_90 coverage_50 coverage_99 top1 top5 top9 top20 distinct horizon_mse horizon_mae
horizon_last_mse horizon_top1 loss_bits_per_event precision recall f1 delay standard
""".split()

PARTS = """network words columns followers skips session recency histories matches weight-sets final-mixers maps sides
clocks numbers stack regressions season atoms calibration conditioning""".split()


class Run:
    """One run of a program: a name, a command, a file and options."""

    def __init__(self, name, path, options=(), quick=False, scores=False, command="replay"):
        self.name, self.path, self.options = name, Path(path), list(options)
        self.quick, self.scores, self.command = quick, scores, command


def real_runs(data):
    """The real streams, read as config/eval.toml and the README read them."""
    runs = []

    def add(name, path, *options, quick=False, scores=False):
        if (data / path).exists():
            runs.append(Run(f"data/{name}", data / path, options, quick, scores))
        else:
            print(f"SKIPPED data/{name}: {data / path} is not there", file=sys.stderr)

    add("tinyshakespeare", "text/tinyshakespeare.txt", "--format", "bytes")
    add("alice29", "text/alice29.txt", "--format", "bytes", scores=True)
    add("alice29 delay 2", "text/alice29.txt", "--format", "bytes", "--delay-chunks", "2")
    add("alice29 network large", "text/alice29.txt", "--format", "bytes", "--set", "network=large")
    for log in sorted((data / "logs").glob("*_2k.log")):
        name = log.name.removesuffix("_2k.log")
        add(f"{name} lines", f"logs/{log.name}", "--format", "lines", scores=name == "Linux")
        if name in ("Apache", "HDFS", "OpenSSH"):
            add(f"{name} bytes", f"logs/{log.name}", "--format", "bytes")
        if name in ("Apache", "OpenSSH", "Zookeeper"):
            add(f"{name} structured", f"logs/{log.name}_structured.csv", "--format", "csv")
    add("hdfs_train", "hdfs/hdfs_train", "--format", "tokens", quick=True)
    add("hdfs_train few keys", "hdfs/hdfs_train", "--format", "tokens", "--set", "keys=50")
    add("hdfs_test_abnormal", "hdfs/hdfs_test_abnormal", "--format", "tokens")
    add("bms", "clicks/bms.tokens", "--format", "tokens")
    ett = ["--time", "date", "--unit-rows", "0:2880", "--score-rows", "3600:14400"]
    add("ETTh1", "ett/ETTh1.csv", *ett, quick=True, scores=True)
    add("ETTh1 horizon 24", "ett/ETTh1.csv", *ett, "--horizon", "24")
    add("elec2 class", "elec2/electricity.csv", "--target", "class", quick=True)
    add("elec2 all", "elec2/electricity.csv")
    add("book orders", "book_order/book_order.csv", "--key", "key", "--time", "time")
    add("book orders few keys", "book_order/book_order.csv", "--key", "key", "--time", "time", "--set", "keys=20")
    for i, series in enumerate(sorted((data / "nab").glob("*/*.csv"))):
        relative = series.relative_to(data)
        add(f"nab {series.parent.name}/{series.name}", relative, quick=i % 8 == 1, scores=i % 4 == 1)
    for log in sorted((data / "logpanel").glob("*.log")):
        add(f"logpanel {log.name}", f"logpanel/{log.name}", "--format", "lines")
    if data.exists():
        runs.append(Run("eval data", data, command="eval"))
    return runs


def made_runs(folder):
    """The recordings of known entropy, as they are and with every choice that a learner has."""
    entries = {entry["name"]: entry for entry in json.loads((folder / "bounds.json").read_text())}
    runs = []

    def add(name, what, *options, quick=False, scores=False, path=None):
        entry = entries[name]
        label = f"made/{name} {what}".strip()
        labels = ["--labels", str(folder / entry["labels"])] if entry["labels"] else []
        runs.append(Run(label, path or folder / entry["file"], [*entry["options"], *labels, *options], quick, scores))

    def choose(name, *choices, quick=False):
        settings = itertools.chain.from_iterable(("--set", choice) for choice in choices)
        add(name, " ".join(choices), *settings, quick=quick)

    for name in entries:
        add(name, "", quick=True, scores=True)
    for other in ("alarms-shift.csv", "alarms-flat.csv"):
        add("alarms", other, scores=True, path=folder / other)
    # a chosen preset, also where it is not the one for the kind of the stream
    for name in ("markov-3", "requests", "sessions", "season", "mixed", "arrivals", "visits", "labels"):
        for preset in ("bytes", "symbols", "numbers", "records"):
            add(name, f"preset {preset}", "--preset", preset, quick=name == "visits")
    for name in ("words", "sessions", "season", "mixed", "visits", "labels"):
        for network in ("off", "small", "medium", "large"):
            choose(name, f"network={network}", quick=network == "off")
    # the slow engine on short streams
    for name in ("vectors", "missing"):
        choose(name, "engine=dfdx")
    choose("uniform", "engine=dfdx", "network=small")
    for name in ("markov-1", "catalogue", "season", "visits", "wide"):
        for delay in ("1", "2"):
            add(name, f"delay {delay}", "--delay-chunks", delay, quick=name == "visits")
    add("vectors", "delay 2 dfdx", "--delay-chunks", "2", "--set", "engine=dfdx")
    for name in ("season", "shift", "missing", "vectors", "visits", "mixed", "sessions"):
        add(name, "horizon 2", "--horizon", "2", quick=name == "mixed")
    for name in ("season", "stuck"):
        add(name, "horizon 24", "--horizon", "24")
    for name in ("many-keys", "keyed-arrivals", "visits", "sessions"):
        choose(name, "keys=8", quick=name in ("keyed-arrivals", "visits"))
    choose("many-keys", "keys=8", "keys_stored=200", quick=True)
    choose("many-keys", "keys_mib=1")
    choose("many-keys", "keys_mib=1", "keys_stored_mib=1")
    for name in ("words", "catalogue", "visits"):
        choose(name, "memory_mib=1", quick=name == "visits")
        choose(name, "seed=7")
    choose("season", "seed=7")
    # each part left out, of one stream of every kind
    for part in PARTS:
        for name in ("words", "sessions", "season", "visits", "mixed"):
            choose(name, f"without={part}", quick=name == "mixed" and part in ("stack", "sides", "conditioning"))
    for parts in ("network,words,matches", "stack,regressions,season,atoms,calibration", "histories,maps,weight-sets"):
        for name in ("words", "season", "visits"):
            choose(name, f"without={parts}")
    # inferred kinds, and other readings of the same bytes
    add("mixed", "inferred")
    runs[-1].options = ["--format", "csv"]
    add("visits", "inferred", quick=True)
    runs[-1].options = ["--format", "ndjson"]
    add("requests", "bytes")
    runs[-1].options = ["--format", "bytes"]
    add("sessions", "lines")
    runs[-1].options = ["--format", "lines"]
    add("labels", "untargeted")
    runs[-1].options = ["--format", "csv"]
    runs.append(Run("eval made", folder, command="eval", quick=False))
    return runs


def digest(data):
    """A short digest of bytes or text."""
    data = data.encode() if isinstance(data, str) else data
    return hashlib.sha256(data).hexdigest()[:16]


def input_digest(path):
    """A digest of a file, or of all files of a folder."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.read_bytes())
    return whole.hexdigest()[:16]


class Spellings:
    """Finds out which of several spellings a program understands."""

    def __init__(self, also):
        self.names = {old: [old, *others] for old, others in NAMES.items()}
        for pair in also:
            old, new = pair.split("=")
            self.names.setdefault(old, [old]).append(new)
        self.known = {}
        self.lock = threading.Lock()

    def value(self, json_object, key, default=None):
        """The value of a key of a JSON object, under any of its spellings."""
        for name in self.names.get(key, [key]):
            if name in json_object:
                return json_object[name]
        return default

    def forms(self, options):
        """The options in all spellings, the likeliest first."""
        words = sorted({w for o in options for w in re.findall(r"[A-Za-z][\w-]*", o) if w in self.names})
        with self.lock:
            first = {w: self.known.get(w, w) for w in words}
        choices = [sorted(self.names[w], key=lambda n: n != first[w]) for w in words]
        for spelling in itertools.product(*choices):
            chosen = dict(zip(words, spelling))
            pattern = re.compile(r"[A-Za-z][\w-]*")
            yield chosen, [pattern.sub(lambda m: chosen.get(m[0], m[0]), o) for o in options]

    def learn(self, chosen):
        """Remembers a spelling that was understood."""
        with self.lock:
            self.known.update(chosen)


def figures(result):
    """All values of the known measures in a result, in an order that does not depend on names."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in FIGURES and isinstance(value, (int, float)) and not isinstance(value, bool):
                    found.append(repr(value))
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk({k: v for k, v in result.items() if k not in ("options", "schema")})
    return digest("\n".join(sorted(found)))


def execute(program, run, spellings):
    """Runs one and returns its rows."""
    with tempfile.TemporaryDirectory() as folder:
        scores = Path(folder) / "scores.csv"
        more = ["--scores", str(scores)] if run.scores else []
        for chosen, options in spellings.forms(run.options):
            command = [program, run.command, str(run.path), *options, *more, "--output", "json"]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.returncode != 64:
                break
        if done.returncode != 0:
            if done.returncode == 64 and " preset " in run.name:
                return [(run.name, "refused", "", "0", "", "", input_digest(run.path))]
            said = done.stderr.strip().splitlines()[-1:] or ["nothing said"]
            return [(run.name, f"exit {done.returncode}: {said[0]}"[:160], "", "0", "", "", "")]
        spellings.learn(chosen)
        result = json.loads(done.stdout)
        if run.command == "eval":
            return list(eval_rows(run, result, spellings))
        # the header names fields, and names may change; the rows below it may not
        rows = digest(scores.read_bytes().partition(b"\n")[2]) if run.scores else ""
        cells = [spellings.value(result, k) for k in ("state_hash", "loss_bits_per_event", "cpu_seconds")]
        row = (run.name, str(cells[0]), repr(cells[1]), f"{cells[2]:.3f}", figures(result), rows)
        return [(*row, input_digest(run.path))]


def eval_rows(run, result, spellings):
    """A row for every stream of an evaluation; its figures are those of the learner and of every baseline."""
    for stream in spellings.value(result, "streams"):
        measures = spellings.value(stream, "measures")
        values = [repr(measure.get("surmise")) for measure in measures]
        for measure in measures:
            for baseline in spellings.value(measure, "baselines", []):
                values += [repr(v) for v in baseline.values() if isinstance(v, float)]
        hashes = digest(",".join(spellings.value(stream, "state_hashes")))
        loss, cpu = stream.get("bits_per_event"), spellings.value(stream, "cpu_seconds", 0.0)
        yield f"{run.name}: {stream['title']}", hashes, repr(loss), f"{cpu:.3f}", digest("\n".join(values)), "", ""


HEADER = ["name", "state_hash", "loss_bits_per_event", "cpu_seconds", "figures", "scores", "input"]


def read_table(path):
    """The rows of a table by name."""
    lines = Path(path).read_text().splitlines()
    head = lines[0].split("\t")
    return {row[0]: dict(zip(head, row)) for row in (line.split("\t") for line in lines[1:])}


def compare(old, new, only):
    """Prints what differs between two tables; returns the exit code."""
    a, b = read_table(old), read_table(new)
    names = [n for n in a if n in b and re.search(only, n)]
    differ = 0
    for name in names:
        columns = [c for c in HEADER if c not in ("name", "cpu_seconds") and a[name][c] != b[name][c]]
        if "input" in columns:
            # what went in was different, so that nothing is known of the programs
            differ += 1
            print(f"{name}: other input; give both runs the same --recordings and --data")
        elif columns:
            differ += 1
            print(f"{name}: " + "; ".join(f"{c} {a[name][c]} -> {b[name][c]}" for c in columns))
    lacking = [n for n in a if n not in b and re.search(only, n)]
    if lacking:
        print(f"{len(lacking)} rows of {old} are not in {new}" + (f": {', '.join(lacking[:5])} …" if names else ""))
    times = [(float(a[n]["cpu_seconds"]), float(b[n]["cpu_seconds"])) for n in names]
    before, after = sum(t[0] for t in times), sum(t[1] for t in times)
    print(f"{len(names)} runs compared, {differ} differ; processor time {before:.1f} s -> {after:.1f} s")
    return 1 if differ or not names else 0


def recordings(folder):
    """The folder of recordings of known entropy; made by cargo where none is given."""
    if folder is None:
        folder = ROOT / "target" / "gate" / "recordings"
        make = ["cargo", "run", "--quiet", "--release", "-p", "surmise-fixtures", "--example", "recordings", "--"]
        subprocess.run([*make, str(folder)], cwd=ROOT, check=True)
    return Path(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the surmise program to run")
    parser.add_argument("--data", type=Path, help="the folder of real streams")
    parser.add_argument("--recordings", type=Path, help="the folder of recordings of known entropy, with bounds.json")
    parser.add_argument("--only", default="", metavar="REGEX", help="only runs whose name matches")
    parser.add_argument("--quick", action="store_true", help="a subset that takes less than a minute")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once (1)")
    parser.add_argument("--out", type=Path, help="the table to write")
    parser.add_argument("--also", action="append", default=[], metavar="OLD=NEW", help="one more spelling of a name")
    parser.add_argument("--list", action="store_true", help="print names of runs and do nothing else")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="compare two tables")
    args = parser.parse_args()
    if args.compare:
        return compare(*args.compare, args.only)
    data = args.data or Path(os.environ.get("SURMISE_DATA") or ROOT / ".." / "shared" / "data")
    if not data.exists():
        print(f"SKIPPED the real streams: {data} is not there", file=sys.stderr)
    runs = (real_runs(data) if data.exists() else []) + made_runs(recordings(args.recordings))
    runs = [r for r in runs if re.search(args.only, r.name) and (r.quick or not args.quick)]
    if args.list:
        print("\n".join(r.name for r in runs))
        return 0
    if not args.program or not args.out:
        parser.error("--program and --out are needed")
    spellings, rows = Spellings(args.also), []
    program = str(Path(args.program).resolve())
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in pool.map(lambda run: execute(program, run, spellings), runs):
            rows += done
            args.out.write_text("\n".join("\t".join(row) for row in [HEADER, *rows]) + "\n")
    failed = [row for row in rows if row[1].startswith("exit")]
    for row in failed:
        print(f"{row[0]}: {row[1]}", file=sys.stderr)
    seconds = sum(float(row[3]) for row in rows)
    print(f"{len(rows)} rows in {args.out}, {seconds:.1f} s of processor time, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
