"""bench/memory/run: runs the programs of bench/memory, and keeps what they print."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from . import area_report, areas, results as files, rows as programs
from .allocators import PEERS, Allocator, Finder, Unusable, clean_environment, soname_path
from .areas import Printed
from .cli import DONE, INCOMPLETE, INTERRUPTED, UNWRITTEN, WRONG, Wrong
from .process import Running
from .results import Results
from .rows import Row, Setting
from .session import Progress, minutes

ROUNDS, QUICK_ROUNDS = 3, 1
QUICK_SCALE = 0.25

FORMAT = "memory 1"
"""Of the results file: date to seconds, allocators, failures and left_out as in results.FORMAT, and

rows    name, note, command; phases and live: a word and the bytes of each sample
runs    row, allocator, round, seconds, peak_kib, base; resident: the bytes of each sample
"""

_HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

_DESCRIPTION = """\
Runs the programs of bench/memory on hakmem, on glibc's malloc, on Debian's mimalloc, jemalloc,
tcmalloc and tbbmalloc, and on any other library named, in turns, and compares the area between the
memory that is resident and that which the program holds. No figure counts unless the process had
the allocator that was meant. One that cannot take part is left out with a line that says why."""

_STATUSES = """\
OUT gets results.json, results.md and, with gnuplot, a chart for each program (*.svg).

""" + (areas.__doc__ or "").partition("\n\n")[2] + """
exit status:
  0    everything was measured
  1    measured, but an allocator was left out that was named, or a program failed on one
  2    wrong arguments, or nothing to run: nothing was measured
  3    the results could not be written; earlier ones are as they were
  130  interrupted (^C, SIGTERM); what there was until then is written"""


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="bench/memory/run", description=_DESCRIPTION, epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("further", nargs="*", metavar="NAME=PATH.so[,VARIABLE=VALUE...]",
                   help="a further peer, with settings for its runs")
    p.add_argument("--variant", action="append", default=[], metavar="NAME=PATH.so[,...]",
                   help="a further variant of hakmem; hakmem itself is the build's")
    p.add_argument("--peers", metavar="NAME,...", default=None,
                   help="which of " + ", ".join(n for n, _, _ in PEERS) + "; or none")
    p.add_argument("--rows", action="append", default=[], metavar="PATTERN",
                   help="only programs whose name has this regular expression")
    p.add_argument("--rounds", type=int, metavar="N",
                   help=f"each program on each allocator so often ({ROUNDS}; with --quick"
                   f" {QUICK_ROUNDS})")
    p.add_argument("--quick", action="store_true", help="a quarter of the work")
    p.add_argument("--scale", type=float, metavar="FACTOR",
                   help=f"of the programs' work and memory (1; with --quick {QUICK_SCALE})")
    p.add_argument("--pause", type=int, metavar="MS",
                   help="before each sample of an idle phase (what the programs have: 100)")
    p.add_argument("--no-charts", action="store_true", help="tables only")
    p.add_argument("--list", action="store_true", help="print the programs")
    p.add_argument("--out", metavar="DIR", help="default: memory-results in the build folder")
    p.add_argument("--build", metavar="DIR",
                   help="build folder (default: $HM_BUILDDIR, else build beside bench/)")
    p.add_argument("--programs", metavar="FILE",
                   help="rows from FILE instead of bench/memory/programs.txt")
    p.add_argument("--limit", type=float, default=120, metavar="SECONDS",
                   help="a run that takes longer is ended and fails (120)")
    p.add_argument("--report", metavar="FILE",
                   help="measure nothing: tables and charts of this results.json")
    return p


class Session:
    """Runs every program on every allocator in each round, and keeps what they print."""

    def __init__(self, setting: Setting, rows: List[Row], allocators: List[Allocator], *,
                 rounds: int, pause: Optional[int], progress: Progress,
                 results: Results) -> None:
        self.setting, self.rows, self.allocators = setting, rows, allocators
        self.rounds, self.pause, self.progress, self.results = rounds, pause, progress, results
        self._broken: Set[Tuple[str, str]] = set()
        self._began = time.monotonic()
        results.update(format=FORMAT, rounds=0, interrupted=False, rows=[], runs=[],
                       failures=[], allocators=[
                           {"name": a.name, "path": a.path, "version": a.version, "ours": a.ours,
                            "settings": a.settings} for a in allocators])

    def run(self) -> None:
        """Everything; when it is interrupted, results have what there was until then."""
        try:
            for row in list(self.rows):
                self._prepare(row)
            for number in range(1, self.rounds + 1):
                for place, row in enumerate(self.rows):
                    self._row(number, place, row)
                self.results["rounds"] = number
        except KeyboardInterrupt:
            self.results["interrupted"] = True
        finally:
            self.results["seconds"] = round(time.monotonic() - self._began)

    def _prepare(self, row: Row) -> None:
        try:
            row.prepare(self.setting)
            if self.pause is not None:
                row.command.append(f"pause={self.pause}")
        except (Unusable, OSError) as e:
            self.progress.say(f"{row.name} left out: {e}")
            self.results["left_out"].append(f"{row.name} left out: {e}")
            self.rows.remove(row)
            return
        self.results["rows"].append({"name": row.name, "note": row.note, "command": row.command,
                                     "phases": [], "live": []})

    def _row(self, number: int, place: int, row: Row) -> None:
        for i in range(len(self.allocators)):
            allocator = self.allocators[(i + number + place) % len(self.allocators)]
            if (row.name, allocator.name) in self._broken:
                continue
            self.progress.show(f"round {number}/{self.rounds}, {self._gone()}: {row.name} on"
                               f" {allocator.name}", important=i == 0)
            try:
                printed = self._one(row, allocator)
                self._keep(number, row, allocator, printed)
            except (ValueError, OSError) as e:
                self._broken.add((row.name, allocator.name))
                self.progress.say(f"{row.name} on {allocator.name}: {e}")
                self.results["failures"].append({"row": row.name, "allocator": allocator.name,
                                                 "why": str(e)})

    def _gone(self) -> str:
        return minutes(time.monotonic() - self._began)

    def _one(self, row: Row, allocator: Allocator) -> Printed:
        """One run. Raises ValueError, or OSError, where it does not count."""
        with Running(self.setting.launch, row.command, allocator.preload,
                     folder=self.setting.folder,
                     environment={**self.setting.environment, **allocator.settings}) as running:
            if not running.wait(self.setting.limit):
                raise ValueError(f"has not ended after {self.setting.limit:g} s")
            got = running.outcome()
            if got.failure:
                raise ValueError(got.failure)
            running.stdout.seek(0)
            printed = areas.parse(running.stdout.read(1 << 20).decode(errors="replace"))
        if os.path.realpath(printed.served) != allocator.path:
            raise ValueError(f"refused, its malloc is that of {printed.served}")
        return printed

    def _keep(self, number: int, row: Row, allocator: Allocator, printed: Printed) -> None:
        """Raises ValueError when the program has done something else than at first."""
        entry = next(r for r in self.results["rows"] if r["name"] == row.name)
        live = [p[1] for p in printed.points]
        if not entry["live"]:
            entry.update(phases=[p[3] for p in printed.points], live=live)
        if entry["live"] != live or entry["phases"] != [p[3] for p in printed.points]:
            raise ValueError("held something else than at first, so it does not count")
        self.results["runs"].append({
            "row": row.name, "allocator": allocator.name, "round": number,
            "seconds": printed.seconds, "peak_kib": printed.peak_kib, "base": printed.base,
            "resident": [p[2] for p in printed.points]})


def _find(options: argparse.Namespace, build: str, finder: Finder,
          say: Any) -> Tuple[List[Allocator], bool]:
    """glibc, hakmem, its variants, Debian's peers, further ones; and whether a named one failed."""
    found: List[Allocator] = []
    complete = True

    def look(name: str, path: Optional[str], missing: str, ours: bool = False) -> bool:
        try:
            if any(a.name == name for a in found):
                raise Unusable(f"{name}: a second allocator of that name")
            if path is None:
                raise Unusable(missing)
            found.append(finder.from_file(name, path, ours))
        except Unusable as e:
            say(f"{e}; left out")
            return False
        return True

    found.append(finder.glibc())
    library = os.path.join(build, ".libs", "libhakmem.so.1")
    look("hakmem", library if os.path.exists(library) else None, f"hakmem: no {library}", True)
    wanted = [n for n, _, _ in PEERS] if options.peers is None else options.peers.split(",")
    for name in wanted:
        if name not in [n for n, _, _ in PEERS] + ["none", ""]:
            raise Wrong(f"--peers: no peer {name}; give others as NAME=PATH.so")
    for name, soname, package in PEERS:
        if name in wanted:
            look(name, soname_path(soname), f"{name}: no {soname} (Debian: {package})")
    for ours, texts in ((True, options.variant), (False, options.further)):
        for text in texts:
            name, equals, path = text.partition("=")
            if not equals or not path or not name.replace("-", "").replace(".", "").isalnum():
                raise Wrong(f"{text}: expected NAME=PATH.so, the name of letters, digits, - and .")
            complete = look(name, path, "", ours) and complete
    return found, complete


def _rows(options: argparse.Namespace) -> List[Row]:
    path = options.programs or os.path.join(_HERE, "memory", "programs.txt")
    try:
        return programs.choose(programs.read_programs(path), options.rows, options.quick)
    except OSError as e:
        raise Wrong(f"{path}: {e.strerror}") from None
    except ValueError as e:
        raise Wrong(str(e)) from None


def _report(results: Results, out: str, progress: Progress, with_charts: bool) -> int:
    """Terminal, Markdown and charts; the status that writing them gives."""
    a = areas.summarize(results)
    print(area_report.terminal(results, a))
    try:
        os.makedirs(out, exist_ok=True)
        names, complaint = area_report.draw(a, out) if with_charts else ([], "")
        if complaint:
            progress.say(complaint)
        files.write_file(os.path.join(out, "results.md"), area_report.markdown(results, a, names))
    except OSError as e:
        progress.say(f"{out}: cannot write the report: {e.strerror}")
        return UNWRITTEN
    print(f"\nIn {out}: results.md" + "".join(f", {n}" for n in names))
    return DONE


def _measure(options: argparse.Namespace, arguments: Sequence[str], progress: Progress,
             folder: str) -> int:
    rows = _rows(options)
    if options.list:
        print("\n".join(f"{row.name:<16} {row.note}" for row in rows))
        return DONE
    build = os.path.abspath(options.build or os.environ.get("HM_BUILDDIR")
                            or os.path.join(os.path.dirname(_HERE), "build"))
    out = os.path.abspath(options.out or os.path.join(build, "memory-results"))
    launch = os.path.join(build, "bench", "tools", "launch")
    if not os.path.exists(launch):
        raise Wrong(f"no {launch}; 'make bench-memory' in {build} makes it")
    rounds = options.rounds if options.rounds is not None else \
        QUICK_ROUNDS if options.quick else ROUNDS
    if rounds < 1 or options.limit <= 0 or (options.scale is not None and options.scale <= 0):
        raise Wrong("--rounds, --limit and --scale are above 0")
    if options.pause is not None and not 0 <= options.pause <= 60000:
        raise Wrong("--pause is of 0 to 60000 milliseconds")
    try:
        os.makedirs(out, exist_ok=True)
        files.write_file(os.path.join(out, ".probe"), "\n" * 4096)
        os.unlink(os.path.join(out, ".probe"))
    except OSError as e:
        progress.say(f"{out}: cannot write there: {e.strerror}; nothing was measured")
        return UNWRITTEN
    setting = Setting(launch, os.path.join(build, "bench", "memory"), folder, clean_environment(),
                      options.limit, options.scale or (QUICK_SCALE if options.quick else 1.0))
    results: Results = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": "bench/memory/run " + shlex.join(arguments), "commit": files.commit(_HERE),
        "machine": files.machine(), "quick": options.quick, "left_out": []}

    def say(line: str) -> None:
        progress.say(line)
        results["left_out"].append(line)

    try:
        found, complete = _find(options, build, Finder(launch, folder), say)
    except Unusable as e:
        raise Wrong(str(e)) from None
    Session(setting, rows, found, rounds=rounds, pause=options.pause, progress=progress,
            results=results).run()
    status = _finish(results, out, progress, not options.no_charts)
    return INCOMPLETE if status == DONE and not complete else status


def _finish(results: Results, out: str, progress: Progress, with_charts: bool) -> int:
    progress.clear()
    if results["interrupted"]:
        progress.say(f"interrupted after {results['rounds']} whole rounds,"
                     f" {len(results['runs'])} runs")
        if not results["runs"]:
            progress.say(f"nothing was measured; {out} is as it was")
            return INTERRUPTED
    if not results["rows"]:
        progress.say("no program could be prepared")
        return WRONG
    path = os.path.join(out, "results.json")
    try:
        files.save(results, path)
    except OSError as e:
        progress.say(f"{path}: cannot write: {e.strerror}; the file is as it was")
        print(area_report.terminal(results, areas.summarize(results)))
        return UNWRITTEN
    status = _report(results, out, progress, with_charts)
    if status == DONE and results["interrupted"]:
        status = INTERRUPTED
    if status == DONE and results["failures"]:
        status = INCOMPLETE
    return status


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    progress = Progress()
    # also where a shell has started this in the background, with SIGINT ignored
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    folder = ""
    try:
        if options.report:
            try:
                results = files.load(options.report, FORMAT)
            except (OSError, ValueError) as e:
                raise Wrong(str(e)) from None
            out = os.path.abspath(options.out or os.path.dirname(options.report) or ".")
            return _report(results, out, progress, not options.no_charts)
        folder = tempfile.mkdtemp(prefix="hakmem-memory.")
        return _measure(options, arguments, progress, folder)
    except Wrong as e:
        progress.say(f"bench/memory/run: {e}")
        return WRONG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        progress.say("interrupted; nothing was written")
        return INTERRUPTED
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
