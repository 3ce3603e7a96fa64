#!/usr/bin/env python3
"""Compares the processor time of two builds of surmise on the same streams, in pairs of runs that take turns.

Times of one program differ by several parts in a hundred from minute to minute, because machines are shared and change
their speed. Two runs side by side meet the same minute, so the ratio of a pair says more than two averages: this script
runs BEFORE and AFTER one after the other (who goes first changes from pair to pair), and prints for each stream the
median of the pairs' ratios, and the ratio of the fastest runs. User time counts, of all threads.

  paired.py --before OLD/surmise --after NEW/surmise --runs 9
  paired.py --before OLD/surmise --after NEW/surmise --instructions      counts of instructions, by valgrind

Instructions are counted on the first part of each stream, once, because they barely differ from run to run. Where
valgrind is not there, or a program does not run under it, that is said and nothing is counted: rustix, by which
programs read the processor time, asks the kernel for addresses that valgrind does not map on every machine. An
example of a library, such as `score` of surmise-symbol, can then be counted by hand.
"""

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# name, file in the folder, options, lines (or bytes, for bytes) that valgrind goes over
STREAMS = [
    ("tinyshakespeare", "text/tinyshakespeare.txt", ["--format", "bytes"], 60_000),
    ("hdfs_train", "hdfs/hdfs_train", ["--format", "tokens"], 600),
    ("ETTh1", "ett/ETTh1.csv", ["--time", "date"], 1_500),
    ("electricity", "elec2/electricity.csv", ["--target", "class"], 2_500),
]


def user_seconds(command):
    """User time of a command and all its threads."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def pairs(args, command):
    """Times of both programs, in pairs."""
    times = []
    for run in range(args.runs):
        order = [args.before, args.after] if run % 2 == 0 else [args.after, args.before]
        seconds = {program: user_seconds([program, *command]) for program in order}
        times.append((seconds[args.before], seconds[args.after]))
    return times


def shortened(path, options, amount, folder):
    """The first part of a file, as a file of the same name."""
    short = Path(folder) / path.name
    content = path.read_bytes()
    if "bytes" in options:
        short.write_bytes(content[:amount])
    else:
        short.write_bytes(b"".join(content.splitlines(keepends=True)[:amount]))
    return short


def instructions(program, command, folder):
    """Instructions that a command executes, as callgrind counts them; none if it does not run under valgrind."""
    out = Path(folder) / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, *command]
    done = subprocess.run(valgrind, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = re.search(r"Collected *: *(\d+)", done.stderr)
    if done.returncode != 0 or not found:
        return None
    return int(found[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the surmise program to compare with")
    parser.add_argument("--after", required=True, help="the surmise program to judge")
    parser.add_argument("--data", type=Path, help="the folder of real streams ($SURMISE_DATA or ../shared/data)")
    parser.add_argument("--runs", type=int, default=7, help="pairs of runs of each stream (7)")
    parser.add_argument("--only", default="", metavar="REGEX", help="only streams whose name matches")
    parser.add_argument("--instructions", action="store_true", help="count instructions instead of taking times")
    parser.add_argument("--limit", type=float, default=1.02, help="exit code 1 if a median ratio is above this (1.02)")
    args = parser.parse_args()
    args.before, args.after = str(Path(args.before).resolve()), str(Path(args.after).resolve())
    data = args.data or Path(os.environ.get("SURMISE_DATA") or ROOT / ".." / "shared" / "data")
    if args.instructions and not shutil.which("valgrind"):
        print("SKIPPED instructions: valgrind is not there")
        return 0
    worst = 0.0
    for name, path, options, amount in STREAMS:
        if not re.search(args.only, name):
            continue
        if not (data / path).exists():
            print(f"SKIPPED {name}: {data / path} is not there")
            continue
        if args.instructions:
            with tempfile.TemporaryDirectory() as folder:
                command = ["replay", str(shortened(data / path, options, amount, folder)), *options, "--output", "json"]
                counts = [instructions(program, command, folder) for program in (args.before, args.after)]
            if None in counts:
                print(f"SKIPPED instructions of {name}: a program does not run under valgrind here")
                continue
            ratio = counts[1] / counts[0]
            print(f"{name:16} {ratio:.4f} of the instructions ({counts[0]:,} -> {counts[1]:,})", flush=True)
        else:
            times = pairs(args, ["replay", str(data / path), *options, "--output", "json"])
            ratio = statistics.median(after / before for before, after in times)
            least = [min(side) for side in zip(*times)]
            print(
                f"{name:16} median of {args.runs} pairs {ratio:.4f}; least {least[1] / least[0]:.4f}"
                f" ({least[0]:.2f} s -> {least[1]:.2f} s)",
                flush=True,
            )
        worst = max(worst, ratio)
    return 1 if worst > args.limit else 0


if __name__ == "__main__":
    sys.exit(main())
