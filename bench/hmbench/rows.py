"""What is run. A row is one program with its arguments; here are those of bench/programs.txt."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import Dict, List, Optional

from . import process
from .allocators import Allocator, Unusable
from .process import Outcome


@dataclass
class Setting:
    """What every run needs to know."""

    launch: str
    build: str
    """The build folder's bench/."""
    folder: str
    """Temporary; each row has a folder of its own in there."""
    environment: Dict[str, str]
    limit: float
    """Seconds after which a run is ended."""
    scale: float = 1.0
    """Of the C programs' operations."""


class Row:
    """One line of the table. Subclasses say how it is prepared and run."""

    real = False
    same_output = False
    """Each run must print the same."""
    command: List[str]

    def __init__(self, name: str, quick: bool, note: str) -> None:
        self.name, self.quick, self.note = name, quick, note
        self.command = []

    def own_folder(self, setting: Setting) -> str:
        folder = os.path.join(setting.folder, self.name)
        os.makedirs(folder, exist_ok=True)
        return folder

    def prepare(self, setting: Setting) -> None:
        """Before the first run; raises Unusable with the reason in a line."""
        raise NotImplementedError

    def run(self, setting: Setting, allocator: Allocator, sample: bool = False,
            live: Optional[str] = None, live_file: str = "") -> Outcome:
        """One run. live: the counting library, preloaded instead of the allocator."""
        raise NotImplementedError

    def environment(self, setting: Setting, live_file: str) -> Dict[str, str]:
        return {**setting.environment, **({"HM_BENCH_LIVE": live_file} if live_file else {})}


class Program(Row):
    """A C program of ours. Its only line says what it did and whose malloc it has:

    NAME OPERATIONS SECONDS OPERATIONS_PER_S PEAK_KIB ALLOCATOR
    """

    def __init__(self, name: str, quick: bool, command: str, note: str) -> None:
        super().__init__(name, quick, note)
        self._text = command

    def prepare(self, setting: Setting) -> None:
        words = shlex.split(self._text)
        path = os.path.join(setting.build, words[0])
        if not os.access(path, os.X_OK):
            raise Unusable(f"no program {path}")
        if setting.scale != 1 and len(words) > 1 and words[1].isdigit():
            words[1] = str(max(int(int(words[1]) * setting.scale), 1))
        self.command = [path, *words[1:]]

    def run(self, setting: Setting, allocator: Allocator, sample: bool = False,
            live: Optional[str] = None, live_file: str = "") -> Outcome:
        result = process.run(setting.launch, self.command, allocator,
                             folder=self.own_folder(setting),
                             environment=self.environment(setting, live_file),
                             limit=setting.limit, sample=sample, judge=False, preload=live)
        words = result.output.split(None, 5)
        if result.failure:
            return result
        try:
            result.operations, result.seconds, result.rate = map(float, words[1:4])
            result.served = words[5]
        except (ValueError, IndexError):
            result.failure = f"printed no result, but: {result.output[:60]!r}"
            return result
        wanted = allocator.path if live is None else live
        if os.path.realpath(result.served) != os.path.realpath(wanted):
            result.failure = f"refused, its malloc is that of {result.served}"
        return result


def read_programs(path: str) -> List[Row]:
    """The rows of a file of lines ROW|QUICK|COMMAND WITH ARGUMENTS|NOTE; raises ValueError."""
    rows: List[Row] = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            fields = [f.strip() for f in line.split("|", 3)]
            if len(fields) != 4 or fields[1] not in ("0", "1") or not fields[2]:
                raise ValueError(f"{path}:{number}: expected ROW|0 or 1|COMMAND|NOTE")
            if not re.fullmatch(r"[A-Za-z0-9_.+-]+", fields[0]):
                raise ValueError(f"{path}:{number}: a row's name is of letters, digits, _ . + -")
            if fields[0] in (row.name for row in rows):
                raise ValueError(f"{path}:{number}: {fields[0]} a second time")
            rows.append(Program(fields[0], fields[1] == "1", fields[2], fields[3]))
    return rows


def choose(rows: List[Row], patterns: List[str], quick: bool) -> List[Row]:
    """Those whose name has one of the patterns (regular expressions), in their order.

    With no pattern, all, or with quick those of the quick set, real programs first: should the
    time be too short for all, they stay. Raises ValueError.
    """
    if not patterns and quick:
        return sorted((row for row in rows if row.quick), key=lambda row: not row.real)
    if not patterns:
        return rows
    try:
        wanted = [re.compile(p) for p in patterns]
    except re.error as e:
        raise ValueError(f"--rows: {e}") from None
    chosen = [row for row in rows if any(w.search(row.name) for w in wanted)]
    if not chosen:
        raise ValueError(f"--rows {' '.join(patterns)}: no row has that name; see --list")
    return chosen
