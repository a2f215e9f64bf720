"""One run of one program: launched with an allocator, watched, ended, measured."""

from __future__ import annotations

import hashlib
import os
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Set, Tuple

from . import allocators
from .allocators import Allocator

SAMPLE_SECONDS = 0.02
LOOK_AFTER = 0.05
"""When a measured run is asked whose malloc it has: once, which costs it next to nothing."""


@dataclass
class Outcome:
    """What one run gave. Without a failure, all figures hold."""

    failure: str = ""
    wall: float = 0.0
    user: float = 0.0
    system: float = 0.0
    peak_kib: int = 0
    """Of the largest process of the tree."""
    minor: int = 0
    major: int = 0
    output: str = ""
    """The first line of standard output."""
    digest: str = ""
    """Of the whole standard output."""
    served: str = ""
    """The file whose malloc the processes called, or nothing if none was asked in time."""
    began: float = 0.0
    """By the monotonic clock."""
    resident: List[Tuple[float, int]] = field(default_factory=list)
    """Seconds since the start, KiB resident in all processes together."""
    seconds: float = 0.0
    """What is compared: the time of the row's work, which its row sets."""
    operations: float = 0.0
    rate: float = 0.0
    """Operations in a second, where the row counts them."""


class Running:
    """A started program. Used with `with`: whatever happens, nothing of it is left running."""

    def __init__(self, launch: str, command: List[str], preload: str, *, folder: str,
                 environment: Dict[str, str]) -> None:
        self.stdout = tempfile.TemporaryFile()
        self.stderr = tempfile.TemporaryFile()
        self._report, theirs = os.pipe()
        self._text = b""
        self.began = time.monotonic()
        try:
            # a session of its own: one signal ends all its processes, and ^C does not reach it
            self._launcher = subprocess.Popen(
                [launch, str(theirs), preload or "-", *command], cwd=folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=self.stdout, stderr=self.stderr,
                pass_fds=(theirs,), start_new_session=True)
        except OSError:
            os.close(self._report)
            raise
        finally:
            os.close(theirs)
        self.pid: Optional[int] = None
        self.end: Optional[List[int]] = None

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        os.close(self._report)
        self.stdout.close()
        self.stderr.close()

    def kill(self) -> None:
        """Ends what is left of the program's session."""
        try:
            os.killpg(self._launcher.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self._launcher.wait()

    def wait(self, seconds: float) -> bool:
        """Waits at most so long; true when the program has ended."""
        until = time.monotonic() + seconds
        while self.end is None:
            left = until - time.monotonic()
            if not select.select([self._report], [], [], max(left, 0))[0]:
                return False
            text = os.read(self._report, 4096)
            if not text:
                self.end = []
                break
            self._text += text
            *lines, self._text = self._text.split(b"\n")
            for line in lines:
                words = line.split()
                if words[0] == b"pid":
                    self.pid = int(words[1])
                elif words[0] == b"end":
                    self.end = [int(w) for w in words[1:]]
        return True

    def started(self) -> bool:
        """Waits until the process exists."""
        until = time.monotonic() + 5
        while self.pid is None and time.monotonic() < until:
            if self.wait(0.001):
                break
        return self.pid is not None

    def outcome(self) -> Outcome:
        """After the end."""
        result = Outcome(began=self.began)
        if not self.end:
            result.failure = "its launcher failed" + self._complaint()
            return result
        status, wall, user, system, result.peak_kib, result.minor, result.major = self.end
        result.wall, result.user, result.system = wall / 1e9, user / 1e6, system / 1e6
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            result.failure = allocators.how_ended(code) + self._complaint()
        self.stdout.seek(0)
        digest = hashlib.sha256()
        for block in iter(lambda: self.stdout.read(1 << 20), b""):
            if not result.output:
                result.output = block.split(b"\n", 1)[0][:500].decode(errors="replace")
            digest.update(block)
        result.digest = digest.hexdigest()
        return result

    def _complaint(self) -> str:
        self.stderr.seek(0)
        lines = self.stderr.read(2000).decode(errors="replace").strip().splitlines()
        return f": {lines[0][:120]}" if lines else ""


def descendants(pid: int) -> List[int]:
    """A process and all that came from it."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    todo.extend(map(int, file.read().split()))
        except OSError:
            continue
    return found


_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def resident_kib(pids: List[int]) -> int:
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                total += int(file.read().split()[1]) * _PAGE_KIB
        except (OSError, IndexError):
            continue
    return total


class Watch:
    """Looks at a running tree: how much is resident, and whose malloc its processes call."""

    def __init__(self, running: Running, allocator: Allocator, judge: bool) -> None:
        self.running, self.allocator = running, allocator
        self.judge = judge
        self.samples: List[Tuple[float, int]] = []
        self._served: Set[str] = set()
        self._looks: Dict[int, int] = {}

    def sample(self) -> None:
        """One look at everything."""
        if self.running.pid is None:
            return
        pids = descendants(self.running.pid)
        resident = resident_kib(pids)
        if resident:
            self.samples.append((time.monotonic() - self.running.began, resident))
        if self.judge:
            for pid in pids:
                self.look(pid)

    def look(self, pid: int, final: bool = False) -> None:
        """Asks a process; one seen for the first time may not have loaded its libraries yet."""
        seen = self._looks.get(pid, 0)
        if seen < 0:
            return
        # the launcher gave it to the first process; the others have it from their parents
        given = self.allocator.path if pid == self.running.pid else None
        file = allocators.serving(pid, given)
        good = file is not None and os.path.realpath(file) == self.allocator.path
        self._looks[pid] = -1 if good else seen + 1
        if file is not None and (good or final or seen >= 3):
            self._served.add(file)
            self._looks[pid] = -1

    def served(self) -> str:
        wrong = sorted(f for f in self._served if os.path.realpath(f) != self.allocator.path)
        return wrong[0] if wrong else self.allocator.path if self._served else ""


def run(launch: str, command: List[str], allocator: Allocator, *, folder: str,
        environment: Dict[str, str], limit: float, sample: bool, judge: bool,
        preload: Optional[str] = None) -> Outcome:
    """Runs a program to its end. preload, if given, takes the place of the allocator's own."""
    library = allocator.preload if preload is None else preload
    with Running(launch, command, library, folder=folder,
                 environment={**environment, **allocator.settings}) as running:
        watch = Watch(running, allocator, judge)
        ended = False
        if sample:
            until = time.monotonic() + limit
            while not ended and time.monotonic() < until:
                watch.sample()
                ended = running.wait(SAMPLE_SECONDS if watch.samples else 0.002)
        elif judge and running.started():
            ended = running.wait(LOOK_AFTER)
            if not ended and running.pid is not None:
                watch.look(running.pid, final=True)
        if not ended and not running.wait(0 if sample else limit):
            return Outcome(failure=f"has not ended after {limit:.0f} s", began=running.began)
        result = running.outcome()
        result.resident = watch.samples
        result.served = watch.served()
        return result
