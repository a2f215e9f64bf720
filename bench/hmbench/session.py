"""All runs: a warm-up round in which memory is sampled, then measured ones, interleaved."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Dict, List, Optional, Set, Tuple

from .allocators import Allocator, Unusable
from .process import Outcome
from .results import FORMAT, Results
from .rows import Row, Setting

MOST_SAMPLES = 240
"""Kept of one curve."""


WARM_UP_PART = 0.55
"""Of a limited time: a row that would begin later is left out."""


class Progress:
    """One line on standard error: how far, what runs, how long it will take."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = 0
        self._last = 0.0

    def show(self, text: str, important: bool = False) -> None:
        """On a terminal over the line before; in a log a line now and then."""
        if self._terminal:
            sys.stderr.write("\r" + text[:99].ljust(self._shown))
            self._shown = len(text[:99])
        elif important or time.monotonic() - self._last > 30:
            sys.stderr.write(text + "\n")
            self._last = time.monotonic()
        sys.stderr.flush()

    def clear(self) -> None:
        if self._terminal and self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def say(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def thin(samples: List[Tuple[float, int]], most: int = MOST_SAMPLES) -> List[List[float]]:
    """At most so many points; of each group the one with the most memory stands for it."""
    if not samples:
        return []
    size = -(-len(samples) // most)
    groups = [samples[i:i + size] for i in range(0, len(samples), size)]
    return [[round(t, 3), kib] for t, kib in (max(g, key=lambda s: s[1]) for g in groups)]


def read_live(path: str, began: float) -> List[Tuple[float, int]]:
    """The lines of live.c: seconds, KiB held by all processes together."""
    held: Dict[int, int] = {}
    curve: List[Tuple[float, int]] = []
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            lines = sorted(([int(w) for w in line.split()] for line in file), key=lambda n: n[0])
    except (OSError, ValueError):
        return []
    last = {pid: i for i, (_, pid, _, _) in enumerate(lines)}
    for i, (ms, pid, live, most) in enumerate(lines):
        before = sum(held.values())
        others = before - held.get(pid, 0)
        curve.append((max(ms / 1000 - began, 0), (others + max(live, most)) // 1024))
        held[pid] = live
        if last[pid] == i:
            del held[pid]
    return curve


class Session:
    """Runs every row on every allocator and keeps what it learns in `results`."""

    def __init__(self, setting: Setting, rows: List[Row], allocators: List[Allocator], *,
                 rounds: int, budget: Optional[float], live: str, progress: Progress,
                 results: Results) -> None:
        self.setting, self.rows, self.allocators = setting, rows, allocators
        self.rounds, self.budget, self.live = rounds, budget, live
        self.progress = progress
        self.results = results
        self._broken: Set[Tuple[str, str]] = set()
        self._digests: Dict[str, str] = {}
        self._took: Dict[str, float] = {}
        self._began = time.monotonic()
        results.update(format=FORMAT, rounds=0, interrupted=False, rows=[], runs=[], memory={},
                       failures=[], allocators=[
                           {"name": a.name, "path": a.path, "version": a.version, "ours": a.ours,
                            "settings": a.settings} for a in allocators])
        results.setdefault("left_out", [])

    def left_out(self, line: str) -> None:
        self.progress.say(line)
        self.results["left_out"].append(line)

    def run(self) -> None:
        """Everything; when it is interrupted, results have what there was until then."""
        try:
            self._round(0)
            if not self.rows:
                return
            if self.budget is not None:
                self._fit_budget()
            for number in range(1, self.rounds + 1):
                self._round(number)
                self.results["rounds"] = number
        except KeyboardInterrupt:
            self.results["interrupted"] = True
        finally:
            self.results["seconds"] = round(time.monotonic() - self._began)

    def _fit_budget(self) -> None:
        left = (self.budget or 0) - (time.monotonic() - self._began)
        rounds = max(1, min(self.rounds, int(left / max(sum(self._took.values()), 0.01))))
        if rounds < self.rounds:
            self.left_out(f"{rounds} rounds instead of {self.rounds}: the time is limited")
            self.rounds = rounds

    def _out_of_time(self, row: Row) -> bool:
        """In the warm-up of a limited run: what is left of the time is for those before."""
        if self.budget is None or time.monotonic() - self._began < WARM_UP_PART * self.budget:
            return False
        self.left_out(f"{row.name} left out: the time is limited")
        self.rows.remove(row)
        return True

    def _round(self, number: int) -> None:
        for place, row in enumerate(list(self.rows)):
            if number == 0 and self._out_of_time(row):
                continue
            if number == 0 and not self._prepare(row):
                continue
            begin = time.monotonic()
            for i in range(len(self.allocators)):
                allocator = self.allocators[(i + number + place) % len(self.allocators)]
                if (row.name, allocator.name) not in self._broken:
                    self._tell(number, place, row, allocator.name, important=i == 0)
                    self._one(number, row, allocator)
            self._took[row.name] = time.monotonic() - begin
            if number == 0:
                self._tell(number, place, row, "live bytes")
                self._live(row)

    def _prepare(self, row: Row) -> bool:
        self.progress.show(f"preparing {row.name}")
        try:
            row.prepare(self.setting)
        except (Unusable, OSError) as e:
            self.left_out(f"{row.name} left out: {e}")
            self.rows.remove(row)
            return False
        self.results["rows"].append({"name": row.name, "note": row.note, "real": row.real,
                                     "command": row.command})
        return True

    def _tell(self, number: int, place: int, row: Row, what: str, important: bool = False) -> None:
        text = "warm-up" if number == 0 else f"round {number}/{self.rounds}"
        if self._took:
            mean = sum(self._took.values()) / len(self._took)
            expected = [self._took.get(r.name, mean) for r in self.rows]
            left = sum(expected[place:]) + sum(expected) * (self.rounds - number)
            if self.budget is not None and number == 0:
                left = min(left, self.budget - (time.monotonic() - self._began))
            text += f", {minutes(max(left, 0))} left"
        self.progress.show(f"{text}: {row.name} on {what}", important)

    def _fail(self, row: Row, name: str, why: str) -> None:
        self._broken.add((row.name, name))
        self.progress.say(f"{row.name} on {name}: {why}")
        self.results["failures"].append({"row": row.name, "allocator": name, "why": why})

    def _one(self, number: int, row: Row, allocator: Allocator) -> None:
        try:
            got = row.run(self.setting, allocator, sample=number == 0)
        except OSError as e:
            got = Outcome(failure=f"cannot be run: {e.strerror}")
        if not got.failure and row.same_output:
            if self._digests.setdefault(row.name, got.digest) != got.digest:
                got.failure = "printed something else than at first, so it does not count"
        if not got.failure and number == 0 and not got.served:
            got.failure = "refused, it ends before it can be asked for its malloc"
        if got.failure:
            self._fail(row, allocator.name, got.failure)
        elif number == 0:
            memory = self._memory(row)
            memory["resident"][allocator.name] = thin(got.resident)
        else:
            self.results["runs"].append(_run(number, row, allocator, got))

    def _memory(self, row: Row) -> Dict[str, Any]:
        memory: Dict[str, Dict[str, Any]] = self.results["memory"]
        return memory.setdefault(row.name, {"live": [], "resident": {}})

    def _live(self, row: Row) -> None:
        """The extra run under the counting library."""
        glibc = next((a for a in self.allocators if a.name == "glibc"), None)
        if glibc is None or not self.live or (row.name, "glibc") in self._broken:
            return
        path = os.path.join(self.setting.folder, "live")
        if os.path.exists(path):
            os.unlink(path)
        got = row.run(self.setting, glibc, live=self.live, live_file=path)
        if got.failure:
            self.left_out(f"{row.name}: no live bytes: {got.failure}")
            return
        self._memory(row)["live"] = thin(read_live(path, got.began))


def _run(number: int, row: Row, allocator: Allocator, got: Outcome) -> Dict[str, Any]:
    return {"row": row.name, "allocator": allocator.name, "round": number,
            "seconds": round(got.seconds, 6), "wall": round(got.wall, 6),
            "user": got.user, "system": got.system, "peak_kib": got.peak_kib,
            "minor": got.minor, "major": got.major,
            "operations": got.operations, "rate": got.rate}
