"""From single runs to medians, spreads, ratios to the best peer, and what may be ranked."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence

from .results import Results


@dataclass
class Cell:
    """One row on one allocator; medians over the rounds."""

    seconds: float
    spread: Optional[float]
    """In seconds, of what is compared; None with a single round."""
    cpu: float
    peak_kib: float
    minor: float
    major: float
    rate: float
    rounds: int
    resident_kib: float = 0.0
    """Mean over the time of the sampled run, all processes together."""
    ratio: float = 1.0
    """Of the time to the best peer's."""
    lean: float = 1.0
    """Of the peak to the leanest peer's."""
    cpu_ratio: float = 1.0
    unsure: bool = False
    """The difference to the best peer (or the best to the second) is within the spread."""


@dataclass
class Line:
    """One row of the table."""

    name: str
    note: str
    real: bool
    fixed_time: bool
    """It runs for a given time, so that its throughput is compared."""
    best: str = ""
    leanest: str = ""
    ranked: bool = False
    """The best peer is ahead of the next by more than the spread."""
    live_kib: float = 0.0
    """Mean over the time."""
    live_most_kib: float = 0.0
    cells: Dict[str, Cell] = field(default_factory=dict)


@dataclass
class Mean:
    """An allocator over all rows."""

    time: float
    time_real: float
    cpu: float
    peak: float
    worst: float
    worst_row: str
    rows: int


@dataclass
class Summary:
    """All that tables and charts show."""

    names: List[str]
    peers: List[str]
    lines: List[Line]
    means: Dict[str, Mean]
    cells: int
    unsure: int


def spread(values: Sequence[float]) -> Optional[float]:
    """The middle half's width, which one disturbed round does not change; of few, all of it."""
    if len(values) < 2:
        return None
    if len(values) < 4:
        return max(values) - min(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


def geometric_mean(values: Sequence[float]) -> float:
    good = [v for v in values if v > 0]
    return math.exp(sum(map(math.log, good)) / len(good)) if good else 0.0


def mean_over_time(curve: Sequence[Sequence[float]]) -> float:
    """Of points (second, value), each of which holds until the next."""
    if len(curve) < 2 or curve[-1][0] <= curve[0][0]:
        return curve[0][1] if curve else 0.0
    area = sum((b[0] - a[0]) * a[1] for a, b in zip(curve, curve[1:]))
    return area / (curve[-1][0] - curve[0][0])


def _cell(runs: List[Dict[str, Any]], usual: float) -> Cell:
    """usual: operations to which the times of a row of fixed time are converted, else 0."""
    times = [r["seconds"] * (usual / r["operations"] if usual and r["operations"] else 1)
             for r in runs]
    middle = {k: statistics.median(r[k] for r in runs)
              for k in ("peak_kib", "minor", "major", "rate")}
    cpu = statistics.median(r["user"] + r["system"] for r in runs)
    return Cell(statistics.median(times), spread(times), cpu, middle["peak_kib"],
                middle["minor"], middle["major"], middle["rate"], len(runs))


def _within(a: Cell, b: Cell) -> bool:
    if a.spread is None or b.spread is None:
        return True
    return abs(a.seconds - b.seconds) <= max(a.spread, b.spread)


def _rank(line: Line, peers: List[str]) -> None:
    """Fills in ratios, the best and the leanest. Without a peer the least of all is the base."""
    there = [p for p in peers if p in line.cells] or list(line.cells)
    order = sorted(there, key=lambda p: line.cells[p].seconds)
    line.best = order[0]
    line.leanest = min(there, key=lambda p: line.cells[p].peak_kib)
    best = line.cells[line.best]
    lean = line.cells[line.leanest].peak_kib
    cpu = min(line.cells[p].cpu for p in there)
    line.ranked = len(order) < 2 or not _within(best, line.cells[order[1]])
    for name, cell in line.cells.items():
        cell.ratio = cell.seconds / best.seconds if best.seconds else 1.0
        cell.lean = cell.peak_kib / lean if lean else 1.0
        cell.cpu_ratio = cell.cpu / cpu if cpu else 1.0
        cell.unsure = not line.ranked if name == line.best else _within(cell, best)


def _mean(name: str, lines: List[Line]) -> Optional[Mean]:
    cells = [(line, line.cells[name]) for line in lines if name in line.cells]
    if not cells:
        return None
    worst = max(cells, key=lambda c: c[1].ratio)
    return Mean(geometric_mean([c.ratio for _, c in cells]),
                geometric_mean([c.ratio for line, c in cells if line.real]),
                geometric_mean([c.cpu_ratio for _, c in cells]),
                geometric_mean([c.lean for _, c in cells]),
                worst[1].ratio, worst[0].name, len(cells))


def summarize(results: Results) -> Summary:
    names = [a["name"] for a in results["allocators"]]
    peers = [a["name"] for a in results["allocators"] if not a["ours"]]
    failed = {(f["row"], f["allocator"]) for f in results["failures"]}
    lines: List[Line] = []
    for row in results["rows"]:
        runs = [r for r in results["runs"] if r["row"] == row["name"]
                and (r["row"], r["allocator"]) not in failed]
        if not runs:
            continue
        operations = [r["operations"] for r in runs]
        fixed_time = not row["real"] and max(operations) > 1.01 * min(operations)
        line = Line(row["name"], row["note"], row["real"], fixed_time)
        memory = results["memory"].get(row["name"], {"live": [], "resident": {}})
        line.live_kib = mean_over_time(memory["live"])
        line.live_most_kib = max((kib for _, kib in memory["live"]), default=0)
        for name in names:
            own = [r for r in runs if r["allocator"] == name]
            if own:
                cell = _cell(own, statistics.median(operations) if fixed_time else 0)
                cell.resident_kib = mean_over_time(memory["resident"].get(name, []))
                line.cells[name] = cell
        _rank(line, peers)
        lines.append(line)
    means = {name: _mean(name, lines) for name in names}
    cells = [c for line in lines for c in line.cells.values()]
    return Summary(names, peers, lines, {k: m for k, m in means.items() if m},
                   len(cells), sum(c.unsure for c in cells))
