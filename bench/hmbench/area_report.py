"""bench/memory: areas as tables, for the terminal and in Markdown, and as pictures."""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple

from . import charts
from .areas import MIB, Areas, Cell, Line
from .results import Results
from .tables import Table, aligned, markdown_table

MEASURE = """\
Area between what is resident and what lives, summed over the samples of a run; the median of the
rounds. Peers are all allocators but the variants of hakmem."""


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 99.5 else f"{value:.0f}"


def _table(a: Areas, text: Callable[[Line, Cell], str]) -> Table:
    table = [["program", "best peer", *a.names]]
    for line in a.lines:
        table.append([line.name, line.best,
                      *(text(line, line.cells[n]) if n in line.cells else "-" for n in a.names)])
    return table


def ratio_table(a: Areas) -> Table:
    table = _table(a, lambda _, cell: _ratio(cell.ratio))
    mean = ["geometric mean", ""]
    for name in a.names:
        value, count = a.means.get(name, (0.0, 0))
        text = _ratio(value) if count else "-"
        mean.append(text if count in (0, len(a.lines)) else f"({text})")
    worst = ["worst program", ""]
    for name in a.names:
        ratios = [line.cells[name].ratio for line in a.lines if name in line.cells]
        worst.append(_ratio(max(ratios)) if ratios else "-")
    return [*table, mean, worst]


def share_table(a: Areas) -> Table:
    return _table(a, lambda line, cell: _ratio(cell.area / line.live_area))


def details(a: Areas) -> Table:
    table = [["program", "allocator", "area, MiB x samples", "least", "most", "/best", "/live",
              "mean beyond live, MiB", "at the end, MiB", "peak, MiB", "seconds", "rounds"]]
    for line in a.lines:
        for name in a.names:
            c = line.cells.get(name)
            if c is not None:
                table.append([
                    line.name, name, f"{c.area:.0f}", f"{c.least:.0f}", f"{c.most:.0f}",
                    _ratio(c.ratio), _ratio(c.area / line.live_area),
                    f"{c.area / len(line.live):.1f}", f"{c.resident[-1] / MIB:.1f}",
                    f"{c.peak_kib / 1024:.1f}", f"{c.seconds:.2f}", str(c.rounds)])
    return table


def programs_table(a: Areas) -> Table:
    table = [["program", "what it stands for", "samples", "live, mean MiB", "most MiB"]]
    for line in a.lines:
        table.append([line.name, line.note, str(len(line.live)),
                      f"{line.live_area / len(line.live):.1f}", f"{max(line.live) / MIB:.1f}"])
    return table


def remarks(results: Results, a: Areas) -> List[str]:
    lines = []
    if results["interrupted"]:
        lines.append(f"Interrupted: {results['rounds']} whole rounds.")
    if any(0 < count < len(a.lines) for _, count in a.means.values()):
        lines.append("A mean in brackets is over the programs that the allocator has.")
    return lines + [f"Failed: {f['row']} on {f['allocator']}: {f['why']}"
                    for f in results["failures"]]


def terminal(results: Results, a: Areas) -> str:
    if not a.lines:
        return "\n".join(["No results.", *remarks(results, a)])
    return "\n".join([
        "Area between live and resident memory, as a ratio to the best peer's:", "",
        aligned(ratio_table(a)), "",
        "The same as a part of what lives (0.50: half as much again is resident):", "",
        aligned(share_table(a)), "", *remarks(results, a)])


def markdown(results: Results, a: Areas, pictures: List[str]) -> str:
    m = results["machine"]
    allocators = [["allocator", "version", "settings"]]
    for one in results["allocators"]:
        settings = " ".join(f"{k}={v}" for k, v in one["settings"].items())
        allocators.append([one["name"] + (" (ours)" if one["ours"] else ""),
                           one["version"] or "-", settings or "-"])
    parts = [
        "# Live and resident memory",
        f"{results['date']}, commit {results['commit'] or 'unknown'}, {results['rounds']} rounds,"
        f" {results['seconds'] / 60:.0f} minutes:",
        f"    {results['command']}",
        f"{m['cpu']}, {m['cpus']} CPUs, {m['memory_mib'] / 1024:.0f} GiB, {m['kernel']},"
        f" {m['libc']}, huge pages: {m['huge_pages']}; load before: {m['load_before']}.",
        markdown_table(allocators, 3)]
    if a.lines:
        parts += ["## Ratio to the best peer's area", MEASURE, markdown_table(ratio_table(a)),
                  "## Area as a part of what lives", markdown_table(share_table(a))]
    parts.append("\n".join(f"- {line}" for line in remarks(results, a) + results["left_out"]))
    if a.lines:
        parts += [f"![{name}]({name})" for name in pictures]
        parts += ["## The programs", markdown_table(programs_table(a)), "## In full",
                  "The least and the most are of the rounds.", markdown_table(details(a))]
    return "\n\n".join(p for p in parts if p) + "\n"


def _block(name: str, values: List[float]) -> List[str]:
    return [f"{name} << EOD", *(f"{i} {v / MIB:.4f}" for i, v in enumerate(values)), "EOD"]


def _phases(line: Line) -> List[str]:
    """The name of each phase above its first sample, with a line down."""
    script = []
    last = -9.0
    for i, phase in enumerate(line.phases):
        if i > 0 and phase == line.phases[i - 1]:
            continue
        script.append(f"set arrow from {i - 0.5}, graph 0 to {i - 0.5}, graph 1 nohead back"
                      " linecolor '#bbbbbb' dashtype 3")
        place = max(i, last + len(line.phases) / 70)
        last = place
        script.append(f"set label {charts.quote(phase)} at {place:.2f}, graph 1.02 left rotate"
                      " by 60 font ',10' textcolor '#555555'")
    return script


def chart(a: Areas, line: Line, name: str) -> List[str]:
    """Resident memory of all allocators over the samples, and what lives as an area below."""
    style = charts.styles(a.names, a.peers)
    title = charts.quote(f"{line.name}: {line.note}")
    script = charts.head(name, 900, 460)
    script += ["set termoption noenhanced", f"set title {title} font ',15' offset 0,2",
               "set tmargin 6.5", "set ylabel 'resident, MiB'", "set yrange [0:*]",
               f"set xrange [-0.5:{len(line.live) - 0.5}]",
               "set xlabel 'sample: a point of the work, or some time in an idle phase'"
               " offset 0,0.4",
               "set key outside bottom center horizontal reverse Left samplen 2", *_phases(line),
               *_block("$live", [float(n) for n in line.live])]
    plots = ["$live using 1:2 with filledcurves y1=0 linecolor '#d9d9d9' title 'live'",
             "$live using 1:2 with lines linewidth 1.5 linecolor '#777777' notitle"]
    # ours last, over the others
    for i, n in enumerate(sorted(line.cells, key=lambda n: n not in a.peers)):
        script += _block(f"$r{i}", line.cells[n].resident)
        width = 1.4 if n in a.peers else 2.4
        plots.append(f"$r{i} using 1:2 with lines linewidth {width} linecolor '{style[n][0]}'"
                     f" title {charts.quote(n)}")
    return [*script, "plot " + ", \\\n  ".join(plots)]


def draw(a: Areas, folder: str) -> Tuple[List[str], str]:
    """A picture for each program: their names, and a line about what went wrong, if so."""
    scripts: Dict[str, List[str]] = {f"{line.name}.svg": chart(a, line, f"{line.name}.svg")
                                     for line in a.lines}
    return charts.render(scripts, folder) if scripts else ([], "")
