"""bench/first: many fresh processes of bench/tools/first_calls, by turns, on several allocators."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Dict, List, Sequence

from .allocators import (PEERS, Allocator, Finder, Unusable, clean_environment, how_ended,
                         soname_path)

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130

_HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

_DESCRIPTION = """\
Starts bench/tools/first_calls again and again, each time on the next allocator, and prints the
medians of what it says: the processor time until main, the time and the page faults of the first
request, the times of the first 100 000 mallocs with their first writes, and their page faults. The
library of this tree takes part four times: as it is, and with HAKMEM_PREWARM=1, 4 and 16."""

COLUMNS = (("start_us", "start, us"), ("request_us", "request, us"), ("request_faults", "faults"),
           ("p50_ns", "p50, ns"), ("p99_ns", "p99"), ("p999_ns", "p99.9"), ("max_ns", "max"),
           ("faults", "faults"))

Figures = Dict[str, float]


class Failed(Exception):
    """Ends the command with one line."""


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="bench/first", description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("allocators", nargs="*", metavar="NAME=PATH[,VARIABLE=VALUE...]",
                   help="these instead, beside glibc's malloc")
    p.add_argument("--rounds", type=int, default=25, metavar="N",
                   help="processes of each, of which the medians count (25)")
    p.add_argument("--build", metavar="DIR",
                   help="build folder (default: $HM_BUILDDIR, else build beside bench/)")
    return p


def _wanted(words: Sequence[str], build: str) -> List[str]:
    if words:
        return list(words)
    ours = os.path.join(build, ".libs", "libhakmem.so.1")
    found = [f"hakmem={ours}"]
    found += [f"hakmem, prewarm {n}={ours},HAKMEM_PREWARM={n}" for n in (1, 4, 16)]
    for name, soname, _ in PEERS:
        path = soname_path(soname)
        if path is None:
            print(f"{name}: left out, no {soname}", file=sys.stderr)
        else:
            found.append(f"{name}={path}")
    return found


def _allocators(words: Sequence[str], build: str, folder: str) -> List[Allocator]:
    finder = Finder(os.path.join(build, "bench", "tools", "launch"), folder)
    found = [finder.glibc()]
    for word in words:
        name, equals, path = word.partition("=")
        if not equals:
            raise Unusable(f"{word}: expected NAME=PATH")
        found.append(finder.from_file(name, path))
    return found


def run(program: str, allocator: Allocator, seed: int) -> Figures:
    """Of one process."""
    environment = {**clean_environment(), **allocator.settings}
    if allocator.name != "glibc":
        environment["LD_PRELOAD"] = allocator.preload
    try:
        done = subprocess.run([program, str(seed)], env=environment, capture_output=True, text=True,
                              errors="replace", timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{allocator.name}: {program} does not end") from None
    except OSError as e:
        raise Failed(f"{program}: {e.strerror}; 'make bench-first' makes it") from None
    *lines, whose = done.stdout.splitlines() or [""]
    if done.returncode != 0:
        raise Failed(f"{allocator.name}: {program} {how_ended(done.returncode)}")
    if os.path.realpath(whose) != allocator.path:
        raise Failed(f"{allocator.name}: the program's malloc is that of {whose}")
    return {name: float(value) for name, value in (line.split() for line in lines)}


def table(results: Dict[str, List[Figures]]) -> str:
    lines = ["| | " + " | ".join(text for _, text in COLUMNS) + " |",
             "|---|" + "---:|" * len(COLUMNS)]
    for name, runs in results.items():
        cells = [f"{statistics.median(r[key] for r in runs):.0f}" for key, _ in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    parser = _parser()
    options = parser.parse_args(words)
    if options.rounds < 1:
        parser.error("--rounds is 1 at least")
    build = options.build or os.environ.get("HM_BUILDDIR") or os.path.join(
        os.path.dirname(_HERE), "build")
    program = os.path.join(build, "bench", "tools", "first_calls")
    results: Dict[str, List[Figures]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="hakmem-first.") as folder:
            chosen = _allocators(_wanted(options.allocators, build), build, folder)
            for i in range(options.rounds):
                for allocator in chosen:
                    results.setdefault(allocator.name, []).append(run(program, allocator, 42 + i))
    except (Unusable, Failed) as e:
        print(f"bench/first: {e}", file=sys.stderr)
        return WRONG if isinstance(e, Unusable) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    print(table(results))
    return DONE
