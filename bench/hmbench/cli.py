"""Arguments, the order of things, and exit statuses."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import shutil
import signal
import sys
import tempfile
from typing import List, Optional, Sequence

from . import charts, real, results as files, rows as programs, stats, tables
from .allocators import PEERS, Allocator, Finder, Unusable, clean_environment, soname_path
from .results import Results
from .rows import Row, Setting
from .session import Progress, Session

DONE, INCOMPLETE, WRONG, UNWRITTEN, INTERRUPTED = 0, 1, 2, 3, 130

QUICK_ROUNDS, ROUNDS = 3, 5
QUICK_SECONDS = 240.0
QUICK_SCALE = 0.25

_HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

_DESCRIPTION = """\
Compares hakmem with glibc's malloc, with Debian's mimalloc, jemalloc, tcmalloc and tbbmalloc, and
with any other library named. Every row is run on every allocator in each round, in an order that
rotates; a warm-up round comes first, in which memory is sampled. No figure counts unless the
process had the allocator that was meant. Ratios are to the best peer of the row; peers are all
allocators but the variants of hakmem."""

_STATUSES = """\
OUT gets results.json, results.md and, with gnuplot, charts (*.svg).

exit status:
  0    everything was measured
  1    measured, but a program failed or was refused on some allocator
  2    wrong arguments, or nothing to run: nothing was measured
  3    the results could not be written; earlier ones are as they were
  130  interrupted (^C, SIGTERM); what there was until then is written"""


class Wrong(Exception):
    """Ends the command with status 2 and one line."""


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="bench/run", description=_DESCRIPTION, epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("further", nargs="*", metavar="NAME=PATH.so[,VARIABLE=VALUE...]",
                   help="a further peer, with settings for its runs")
    p.add_argument("--variant", action="append", default=[], metavar="NAME=PATH.so[,...]",
                   help="a further variant of hakmem; hakmem itself is the build's")
    p.add_argument("--peers", metavar="NAME,...", default=None,
                   help="which of " + ", ".join(n for n, _, _ in PEERS) + "; or none")
    p.add_argument("--rows", action="append", default=[], metavar="PATTERN",
                   help="only rows whose name has this regular expression")
    p.add_argument("--rounds", type=int, metavar="N",
                   help=f"measured rounds ({ROUNDS}; with --quick at most {QUICK_ROUNDS})")
    p.add_argument("--quick", action="store_true",
                   help=f"fewer rows, and the rounds that fit in {QUICK_SECONDS / 60:.0f} minutes")
    p.add_argument("--scale", type=float, metavar="FACTOR",
                   help=f"of the benchmarks' operations (1; with --quick {QUICK_SCALE})")
    p.add_argument("--no-charts", action="store_true", help="tables only")
    p.add_argument("--list", action="store_true", help="print the rows; * is the quick set")
    p.add_argument("--out", metavar="DIR", help="default: bench-results in the build folder")
    p.add_argument("--build", metavar="DIR",
                   help="build folder (default: $HM_BUILDDIR, else build beside bench/)")
    p.add_argument("--programs", metavar="FILE",
                   help="rows from FILE only, instead of bench/programs.txt and real programs")
    p.add_argument("--limit", type=float, default=120, metavar="SECONDS",
                   help="a run that takes longer is ended and fails (120)")
    p.add_argument("--report", metavar="FILE",
                   help="measure nothing: tables and charts of this results.json")
    return p


def _rows(options: argparse.Namespace) -> List[Row]:
    path = options.programs or os.path.join(_HERE, "programs.txt")
    try:
        rows = programs.read_programs(path)
        if not options.programs:
            rows += real.all_rows()
        return programs.choose(rows, options.rows, options.quick)
    except OSError as e:
        raise Wrong(f"{path}: {e.strerror}") from None
    except ValueError as e:
        raise Wrong(str(e)) from None


def _allocators(options: argparse.Namespace, build: str, finder: Finder,
                session_says: List[str]) -> List[Allocator]:
    """glibc, hakmem, its variants, Debian's peers, further ones.

    One that was named must be usable; one that is looked for may be missing.
    """
    found = [finder.glibc()]

    def look(name: str, path: Optional[str], missing: str, ours: bool = False) -> None:
        try:
            if path is None:
                raise Unusable(missing)
            found.append(finder.from_file(name, path, ours))
        except Unusable as e:
            session_says.append(f"{e}; left out")

    library = os.path.join(build, ".libs", "libhakmem.so.1")
    look("hakmem", library if os.path.exists(library) else None, f"hakmem: no {library}", True)
    for text in options.variant:
        found.append(_named(finder, text, True))
    wanted = [n for n, _, _ in PEERS] if options.peers is None else options.peers.split(",")
    for name in wanted:
        if name not in [n for n, _, _ in PEERS] + ["none", ""]:
            raise Wrong(f"--peers: no peer {name}; give others as NAME=PATH.so")
    for name, soname, package in PEERS:
        if name in wanted:
            look(name, soname_path(soname), f"{name}: no {soname} (Debian: {package})")
    for text in options.further:
        found.append(_named(finder, text, False))
    names = [a.name for a in found]
    for name in names:
        if names.count(name) > 1:
            raise Wrong(f"two allocators have the name {name}")
    return found


def _named(finder: Finder, text: str, ours: bool) -> Allocator:
    name, equals, path = text.partition("=")
    if not equals or not name or not path or not name.replace("-", "").replace(".", "").isalnum():
        raise Wrong(f"{text}: expected NAME=PATH.so, the name of letters, digits, - and .")
    try:
        return finder.from_file(name, path, ours)
    except Unusable as e:
        raise Wrong(str(e)) from None


def _show_list(rows: List[Row]) -> None:
    for row in rows:
        kind = "real program" if row.real else "benchmark"
        print(f"{'*' if row.quick else ' '} {row.name:<20} {kind:<13} {row.note}")


def _report(results: Results, out: str, progress: Progress, with_charts: bool) -> int:
    """Terminal, Markdown and charts; the status that writing them gives."""
    summary = stats.summarize(results)
    print(tables.terminal(results, summary))
    try:
        os.makedirs(out, exist_ok=True)
        names, complaint = charts.draw(results, summary, out) if with_charts else ([], "")
        if complaint:
            progress.say(complaint)
        files.write_file(os.path.join(out, "results.md"),
                         tables.markdown(results, summary, names))
    except OSError as e:
        progress.say(f"{out}: cannot write the report: {e.strerror}")
        return UNWRITTEN
    print(f"\nIn {out}: results.md" + "".join(f", {n}" for n in names))
    return DONE


def _measure(options: argparse.Namespace, arguments: Sequence[str], progress: Progress) -> int:
    rows = _rows(options)
    if options.list:
        _show_list(rows)
        return DONE
    build = os.path.abspath(options.build or os.environ.get("HM_BUILDDIR")
                            or os.path.join(os.path.dirname(_HERE), "build"))
    out = os.path.abspath(options.out or os.path.join(build, "bench-results"))
    tools = {n: os.path.join(build, "bench", "tools", n) for n in ("launch", "live.so")}
    for path in tools.values():
        if not os.path.exists(path):
            raise Wrong(f"no {path}; build it with 'make bench-programs' in {build}")
    rounds = options.rounds if options.rounds is not None else \
        QUICK_ROUNDS if options.quick else ROUNDS
    if rounds < 1 or options.limit <= 0 or (options.scale is not None and options.scale <= 0):
        raise Wrong("--rounds, --limit and --scale are above 0")
    try:
        os.makedirs(out, exist_ok=True)
        files.write_file(os.path.join(out, ".probe"), "\n" * 4096)
        os.unlink(os.path.join(out, ".probe"))
    except OSError as e:
        progress.say(f"{out}: cannot write there: {e.strerror}; nothing was measured")
        return UNWRITTEN
    try:
        folder = tempfile.mkdtemp(prefix="hakmem-bench.")
    except OSError as e:
        raise Wrong(f"no temporary folder: {e.strerror}") from None
    try:
        environment = {**clean_environment(), "HOME": folder, "TMPDIR": folder,
                       "PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "PERL_HASH_SEED": "0",
                       "GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat"}
        setting = Setting(tools["launch"], os.path.join(build, "bench"), folder, environment,
                          options.limit,
                          options.scale or (QUICK_SCALE if options.quick else 1.0))
        said: List[str] = []
        try:
            found = _allocators(options, build, Finder(tools["launch"], folder), said)
        except Unusable as e:
            raise Wrong(str(e)) from None
        results: Results = {
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "command": "bench/run " + shlex.join(arguments), "commit": files.commit(_HERE),
            "machine": files.machine(), "quick": options.quick}
        session = Session(setting, rows, found, rounds=rounds,
                          budget=QUICK_SECONDS if options.quick else None,
                          live=tools["live.so"], progress=progress, results=results)
        for line in said:
            session.left_out(line)
        _warn_if_busy(results, progress)
        session.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _finish(results, out, progress, not options.no_charts)


def _warn_if_busy(results: Results, progress: Progress) -> None:
    machine = results["machine"]
    try:
        load = float(machine["load_before"])
    except ValueError:
        return
    if load > 0.5 * machine["cpus"]:
        progress.say(f"the machine is busy: load {load:.1f} on {machine['cpus']} CPUs")


def _finish(results: Results, out: str, progress: Progress, with_charts: bool) -> int:
    progress.clear()
    if results["interrupted"]:
        progress.say(f"interrupted after {results['rounds']} whole rounds,"
                     f" {len(results['runs'])} runs")
    path = os.path.join(out, "results.json")
    if not results["runs"] and results["interrupted"]:
        progress.say(f"nothing was measured; {out} is as it was")
        return INTERRUPTED
    if not results["rows"]:
        progress.say("no row could be prepared")
        return WRONG
    try:
        files.save(results, path)
    except OSError as e:
        progress.say(f"{path}: cannot write: {e.strerror}; the file is as it was")
        print(tables.terminal(results, stats.summarize(results)))
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
    try:
        if options.report:
            try:
                results = files.load(options.report)
            except (OSError, ValueError) as e:
                raise Wrong(str(e)) from None
            out = os.path.abspath(options.out or os.path.dirname(options.report) or ".")
            return _report(results, out, progress, not options.no_charts)
        return _measure(options, arguments, progress)
    except Wrong as e:
        progress.say(f"bench/run: {e}")
        return WRONG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        progress.say("interrupted; nothing was written")
        return INTERRUPTED
