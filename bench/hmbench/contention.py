"""bench/contention: runs programs with the counting build, and tables of what it counted."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

from .allocators import clean_environment, how_ended

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130

THREADS = "2,4,8,16,32,64"
THREADS_MAX = 120
"""The counting build tells 256 threads apart, and some programs have two to a lane."""

_HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

_DESCRIPTION = """\
Runs benchmark programs with a build of hakmem that counts (bench/tools/lines.c) and prints tables
of what threads do to each other, per thousand calls of malloc and free: atomic
read-modify-writes, locks taken, those of them that somebody else held, and transfers of a
cache line from one thread's cache to another's, of metadata and of blocks. The number of
operations is the same for all numbers of threads, so figures that stay the same grow with the work
only. It does not matter how many cores the machine has: the threads take turns every few accesses.
What a program itself does to its blocks is not counted."""

_STATUSES = """\
exit status:
  0    every program ran
  1    a program failed
  2    wrong arguments, or something is not built
  130  interrupted"""

Counts = Dict[str, Any]


class Wrong(Exception):
    """Ends the command with one line, and status 2."""


class Failed(Exception):
    """The same with status 1."""


@dataclass(frozen=True)
class Workload:
    """A program with its options, and how many operations it does in all."""

    name: str
    program: str
    operations: int
    options: Tuple[str, ...]
    note: str


WORKLOADS = (
    Workload("larson", "larson", 6400000, (), "tables of blocks that pass to new threads"),
    Workload("random_mixed", "random_mixed", 2000000, (), "threads that share nothing"),
    Workload("phases", "phases", 1000000, ("kept=shared",), "an eighth is freed by any thread"),
    Workload("pairs", "producer_consumer", 1000000, ("shape=pairs",), "every block is another's"),
    Workload("out", "producer_consumer", 1000000, ("shape=out",), "one producer for all"),
    Workload("in", "producer_consumer", 1000000, ("shape=in",), "one consumer of all"),
    Workload("ring", "producer_consumer", 1000000, ("shape=ring",), "each frees its neighbour's"),
    Workload("thrash", "cache_lines", 100000, ("kind=thrash",), "one small block at a time"),
    Workload("scratch", "cache_lines", 100000, ("kind=scratch",), "after a block of another's"),
    Workload("server", "server", 200000, (), "clients pass to the next thread"),
    Workload("trees", "trees", 20000000, (), "trees of each thread's own"),
    Workload("short_threads", "short_threads", 4000, (), "a hundred blocks to a thread"),
)

COLUMNS = ("threads", "operations", "RMWs", "locks", "contended", "metadata lines", "block lines")


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="bench/contention", description=_DESCRIPTION, epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME",
                   help="of " + ", ".join(w.name for w in WORKLOADS) + "; all when none is given")
    p.add_argument("--threads", default=THREADS, metavar="N,...",
                   help=f"numbers of threads ({THREADS})")
    p.add_argument("--operations", type=int, metavar="N",
                   help="of each program, instead of its own number")
    p.add_argument("--rounds", type=int, default=1, metavar="N",
                   help="runs of each, of which the one with the median of transfers counts (1)")
    p.add_argument("--where", action="store_true",
                   help="also what was transferred, and which lines of the library's own data")
    p.add_argument("--json", metavar="FILE", help="every figure of every run, too")
    p.add_argument("--limit", type=float, default=300, metavar="SECONDS",
                   help="a run that takes longer is ended and fails (300)")
    p.add_argument("--build", metavar="DIR",
                   help="build folder (default: $HM_BUILDDIR, else build beside bench/)")
    return p


def _threads(text: str) -> List[int]:
    try:
        numbers = [int(n) for n in text.split(",")]
    except ValueError:
        numbers = [0]
    if any(n < 1 or n > THREADS_MAX for n in numbers):
        raise Wrong(f"--threads {text}: expected numbers of 1 to {THREADS_MAX} with commas")
    return numbers


def _workloads(names: Sequence[str]) -> List[Workload]:
    known = {w.name: w for w in WORKLOADS}
    for name in names:
        if name not in known:
            raise Wrong(f"no program {name}; there are {', '.join(known)}")
    return [known[n] for n in names] if names else list(WORKLOADS)


class Runner:
    """Knows where things are, and runs programs with the counting build."""

    def __init__(self, build: str, folder: str, limit: float) -> None:
        self.build, self.limit = os.path.join(build, "bench"), limit
        self.counted = os.path.join(self.build, "tools", "counted.so")
        self._file = os.path.join(folder, "counts.json")
        self._preload = os.path.join(folder, "counted.so")
        if not os.path.isfile(self.counted):
            raise Wrong(f"no {self.counted}; 'make bench-contention' in {build} makes it")
        # LD_PRELOAD splits at blanks and colons, which a build folder may have
        os.symlink(os.path.abspath(self.counted), self._preload)

    def path(self, workload: Workload) -> str:
        path = os.path.join(self.build, workload.program)
        if not os.access(path, os.X_OK):
            raise Wrong(f"no program {path}; 'make bench-contention' makes it")
        return path

    def run(self, workload: Workload, threads: int, operations: int) -> Counts:
        if os.path.exists(self._file):
            os.unlink(self._file)
        what = f"{workload.name} with {threads} threads"
        command = [self.path(workload), str(operations), "42", str(threads), *workload.options]
        environment = {**clean_environment(), "LD_PRELOAD": self._preload,
                       "HM_COUNT_FILE": self._file}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True,
                                  errors="replace", timeout=self.limit, check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"{what} has not ended after {self.limit:g} s") from None
        except OSError as e:
            raise Failed(f"{what} cannot be run: {e.strerror}") from None
        if done.returncode != 0:
            why = done.stderr.strip().splitlines()
            raise Failed(f"{what} {how_ended(done.returncode)}"
                         + (f": {why[0][:120]}" if why else ""))
        try:
            with open(self._file, encoding="ascii") as file:
                counts: Counts = json.load(file)
        except (OSError, ValueError):
            raise Failed(f"{what}: {self.counted} has counted nothing") from None
        if counts["lost"] > 0:
            raise Failed(f"{what}: more threads or memory than {self.counted} can count")
        counts.update(name=workload.name, lanes=threads)
        return counts


def metadata(counts: Counts) -> int:
    return sum(n for kind, n in counts["transfers"].items() if kind != "blocks")


def row(counts: Counts) -> List[str]:
    calls = counts["mallocs"] + counts["frees"]
    figures = (counts["rmws"], counts["locks"], counts["contended"], metadata(counts),
               counts["transfers"]["blocks"])
    return [str(counts["lanes"]), str(calls), *(f"{1000 * n / max(calls, 1):.2f}" for n in figures)]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---:|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows])


def _symbols(library: str) -> List[Tuple[int, int, str]]:
    """Address, size and name of the library's variables; none when there is no nm."""
    try:
        done = subprocess.run(["nm", "-S", library], capture_output=True, text=True, check=False)
    except OSError:
        return []
    found = [line.split() for line in done.stdout.splitlines()]
    return [(int(w[0], 16), int(w[1], 16), w[3]) for w in found if len(w) == 4 and w[2] in "bBdD"]


def place(offset: int, symbols: Sequence[Tuple[int, int, str]]) -> str:
    """The variables that have a part in the line of 64 bytes."""
    names = [name + (f"+{offset - start}" if offset > start else "")
             for start, size, name in sorted(symbols)
             if start < offset + 64 and start + size > offset]
    return ", ".join(names) or hex(offset)


def where(counts: Counts, symbols: Sequence[Tuple[int, int, str]]) -> str:
    calls = max(counts["mallocs"] + counts["frees"], 1)
    kinds = ", ".join(f"{k} {1000 * n / calls:.2f}" for k, n in counts["transfers"].items())
    shared = ", ".join(f"{k} {n}" for k, n in counts["shared_lines"].items())
    rows = [[place(line["offset"], symbols),
             *(f"{1000 * line[k] / calls:.2f}"
               for k in ("transfers", "rmws", "locks", "contended"))]
            for line in counts["data"][:8]]
    return (f"With {counts['lanes']} threads, transfers: {kinds}. Lines that several threads wrote:"
            f" {shared}.\n\n"
            + markdown(("data", "transfers", "RMWs", "locks", "contended"), rows))


def _median(runs: List[Counts]) -> Counts:
    return sorted(runs, key=lambda c: metadata(c) + c["transfers"]["blocks"])[len(runs) // 2]


def _measure(options: argparse.Namespace, folder: str) -> int:
    threads, workloads = _threads(options.threads), _workloads(options.names)
    if options.rounds < 1 or options.limit <= 0:
        raise Wrong("--rounds and --limit are above 0")
    if options.operations is not None and options.operations < 1:
        raise Wrong("--operations is above 0")
    build = os.path.abspath(options.build or os.environ.get("HM_BUILDDIR")
                            or os.path.join(os.path.dirname(_HERE), "build"))
    runner = Runner(build, folder, options.limit)
    for workload in workloads:
        runner.path(workload)
    symbols = _symbols(runner.counted) if options.where else []
    every: List[Counts] = []
    for workload in workloads:
        chosen = []
        for n in threads:
            runs = [runner.run(workload, n, options.operations or workload.operations)
                    for _ in range(options.rounds)]
            every += runs
            chosen.append(_median(runs))
        command = " ".join([workload.program, *workload.options])
        print(f"### {workload.name}: `{command}`, {workload.note}\n")
        print(markdown(COLUMNS, [row(c) for c in chosen]) + "\n", flush=True)
        if options.where:
            print(where(chosen[-1], symbols) + "\n", flush=True)
    if options.json:
        try:
            with open(options.json, "w", encoding="ascii") as file:
                json.dump(every, file, indent=1)
        except OSError as e:
            raise Failed(f"{options.json}: {e.strerror}") from None
    return DONE


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    folder = tempfile.mkdtemp(prefix="hakmem-contention.")
    try:
        return _measure(options, folder)
    except (Wrong, Failed) as e:
        print(f"bench/contention: {e}", file=sys.stderr)
        return WRONG if isinstance(e, Wrong) else FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        shutil.rmtree(folder, ignore_errors=True)
