"""bench/memory: what a program printed, and the area between live and resident memory.

The area of a run is the sum over its samples of the bytes that are resident beyond those that
live, in MiB times samples; where less is resident than lives, it is nothing. From what is resident
the program's base is taken off before: what its process has before it holds anything, the least
of all runs of the program on any allocator, so that what an allocator takes at its start counts.
Divided by the sum of the live bytes over the samples it is the part that comes on top of what
lives; divided by the best peer's area of the same program, the ratio that is compared. A sample
is a point of the work, or some time in an idle phase: the area is not one over time.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

from .results import Results
from .stats import geometric_mean

MIB = 1 << 20
_LEAST = 1024
"""Bytes a sample that an area counts at least, so that one can be divided by another."""


@dataclass
class Printed:
    """The lines of a program; bench/memory/memory.h says what they are."""

    base: int
    points: List[Tuple[int, int, int, str]]
    """operations, live, resident, phase"""
    seconds: float
    peak_kib: int
    served: str


def parse(text: str) -> Printed:
    """Raises ValueError, with what is wrong."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith("base ") or len(lines) < 3:
        raise ValueError(f"printed no samples, but: {text[:60]!r}")
    points = []
    for line in lines[1:-1]:
        words = line.split()
        try:
            if words[0] != "at" or len(words) != 5 or min(map(int, words[1:4])) < 0:
                raise ValueError
            points.append((int(words[1]), int(words[2]), int(words[3]), words[4]))
        except (ValueError, IndexError):
            raise ValueError(f"printed no sample, but: {line[:60]!r}") from None
    words = lines[-1].split(None, 5)
    try:
        return Printed(int(lines[0].split()[1]), points, float(words[2]), int(words[4]), words[5])
    except (ValueError, IndexError):
        raise ValueError(f"printed no result, but: {lines[-1][:60]!r}") from None


@dataclass
class Cell:
    """One program on one allocator, over the rounds."""

    area: float
    """MiB times samples, the median."""
    least: float
    most: float
    """Of the rounds."""
    resident: List[float]
    """Of each sample the median, in bytes, without the base."""
    peak_kib: float
    seconds: float
    rounds: int
    ratio: float = 1.0
    """To the best peer's area."""


@dataclass
class Line:
    """One program."""

    name: str
    note: str
    base: int
    live: List[int]
    """Of each sample."""
    phases: List[str]
    best: str = ""
    cells: Dict[str, Cell] = field(default_factory=dict)

    @property
    def live_area(self) -> float:
        """MiB times samples."""
        return max(sum(self.live), 1) / MIB


@dataclass
class Areas:
    """All that tables and charts show."""

    names: List[str]
    peers: List[str]
    lines: List[Line]
    means: Dict[str, Tuple[float, int]]
    """Of the ratios, geometric, and of how many programs."""


def area(resident: List[int], live: List[int], base: int) -> float:
    """In MiB times samples."""
    beyond = sum(max(r - base - n, 0) for r, n in zip(resident, live))
    return max(beyond, _LEAST * len(live)) / MIB


def _cell(runs: List[Dict[str, Any]], line: Line) -> Cell:
    areas = [area(r["resident"], line.live, line.base) for r in runs]
    middle = [statistics.median(sample) for sample in zip(*(r["resident"] for r in runs))]
    return Cell(statistics.median(areas), min(areas), max(areas),
                [max(m - line.base, 0.0) for m in middle],
                statistics.median(r["peak_kib"] for r in runs),
                statistics.median(r["seconds"] for r in runs), len(runs))


def _compare(line: Line, peers: List[str]) -> None:
    """Without a peer the least of all is the base of the ratios."""
    there = [p for p in peers if p in line.cells] or list(line.cells)
    line.best = min(there, key=lambda p: line.cells[p].area)
    for cell in line.cells.values():
        cell.ratio = cell.area / line.cells[line.best].area


def summarize(results: Results) -> Areas:
    names = [a["name"] for a in results["allocators"]]
    peers = [a["name"] for a in results["allocators"] if not a["ours"]]
    failed = {(f["row"], f["allocator"]) for f in results["failures"]}
    lines: List[Line] = []
    for row in results["rows"]:
        runs = [r for r in results["runs"] if r["row"] == row["name"]
                and (r["row"], r["allocator"]) not in failed]
        if not runs:
            continue
        line = Line(row["name"], row["note"], min(r["base"] for r in runs), row["live"],
                    row["phases"])
        for name in names:
            own = [r for r in runs if r["allocator"] == name]
            if own:
                line.cells[name] = _cell(own, line)
        _compare(line, peers)
        lines.append(line)
    means = {}
    for name in names:
        ratios = [line.cells[name].ratio for line in lines if name in line.cells]
        if ratios:
            means[name] = geometric_mean(ratios), len(ratios)
    return Areas(names, peers, lines, means)
