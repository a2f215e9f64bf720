"""Results as pictures: gnuplot scripts, run if gnuplot is there."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from typing import Callable, Dict, List, Tuple

from .results import Results
from .stats import Cell, Summary

# Colours that stay apart for colour-blind readers (Okabe and Ito's, then darker ones).
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#7f7f7f", "#8b5a2b", "#b8a800",
            "#5e3c99", "#1b7837")
_OURS = ("#d40000", "#ff6a4d", "#8c0000", "#ff9f80")
_SHAPES = (5, 7, 9, 11, 13, 4, 6, 8, 10, 12)


def styles(names: List[str], peers: List[str]) -> Dict[str, Tuple[str, int]]:
    """Colour and point shape of each allocator; hakmem's are red and filled."""
    result = {}
    theirs = ours = 0
    for name in names:
        if name in peers:
            result[name] = _COLOURS[theirs % len(_COLOURS)], _SHAPES[theirs % len(_SHAPES)]
            theirs += 1
        else:
            result[name] = _OURS[ours % len(_OURS)], 7
            ours += 1
    return result


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def head(name: str, width: int, height: int) -> List[str]:
    return [f"set terminal svg size {width},{height} font 'sans-serif,13' background 'white'",
            f"set output {quote(name)}", "set encoding utf8", "set style data points",
            "set border 3 linecolor '#555555'", "set tics nomirror",
            "set grid linecolor '#dddddd' linewidth 1 linetype 1"]


def ratio_chart(s: Summary, name: str, title: str, value: Callable[[Cell], float],
                mean: Callable[[str], float]) -> List[str]:
    """A line for each row, a point for each allocator; the geometric means at the bottom."""
    count = len(s.lines) + 1
    most = max(value(c) for line in s.lines for c in line.cells.values())
    least = min(value(c) for line in s.lines for c in line.cells.values())
    style = styles(s.names, s.peers)
    script = head(name, 900, 130 + 24 * count)
    script += [f"set title {quote(title)} font ',16'", "set logscale x", "unset key",
               f"set xrange [{min(least, 1) / 1.05:.4f}:{max(most * 1.1, 1.3):.4f}]",
               f"set yrange [{count - 0.4}:-0.6]",
               "set key outside bottom center horizontal reverse Left samplen 1",
               "set xlabel 'ratio, logarithmic; further left is better' offset 0,-0.2",
               "set xtics (" + ", ".join(f"'{t:g}' {t}" for t in _ticks(least, most)) + ")",
               "set ytics (" + ", ".join(
                   f"{quote(line.name)} {i}" for i, line in enumerate(s.lines))
               + f", 'geometric mean' {count - 1}) font ',12'",
               f"set arrow from graph 0, first {count - 1.5} to graph 1, first {count - 1.5}"
               " nohead linecolor '#555555'",
               "set arrow from 1, graph 0 to 1, graph 1 nohead linecolor '#555555'"]
    plots: List[str] = []
    for n in sorted(s.names, key=lambda n: n not in s.peers):
        block = f"$d{len(plots)}"
        points = [f"{value(line.cells[n])} {i}" for i, line in enumerate(s.lines)
                  if n in line.cells]
        if n in s.means:
            points.append(f"{mean(n)} {count - 1}")
        if not points:
            continue
        script += [f"{block} << EOD", *points, "EOD"]
        colour, shape = style[n]
        size = 0.75 if n in s.peers else 1.0
        plots.append(f"{block} using 1:2 pointtype {shape} pointsize {size}"
                     f" linecolor '{colour}' title {quote(n)}")
    return [*script, "plot " + ", \\\n  ".join(plots)]


def _ticks(least: float, most: float) -> List[float]:
    if most < 1.9:
        step = 0.05 if most < 1.35 else 0.1
        first = math.floor(min(least, 1) / step)
        return [round(i * step, 2) for i in range(first, int(most * 1.1 / step) + 2)]
    if most / min(least, 1) < 8:
        steps = [0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5,
                 6, 7, 8]
    else:
        steps = [k * 10.0 ** n for n in range(-3, 5) for k in (1, 2, 3, 5)]
    return [t for t in steps if min(least, 1) / 1.05 <= t <= most * 1.1]


def means_chart(s: Summary, name: str) -> List[str]:
    """Time against memory: who is fast and lean at once."""
    style = styles(s.names, s.peers)
    script = head(name, 760, 560)
    xs = [m.time for m in s.means.values()]
    ys = [m.peak for m in s.means.values()]
    dx, dy = (max(v) - min(v) or 0.1 for v in (xs, ys))
    script += [f"set title {quote('Geometric means over ' + str(len(s.lines)) + ' rows')}"
               " font ',16'",
               "set xlabel 'time, ratio to the best peer of each row (further left is faster)'",
               "set ylabel 'peak memory, ratio to the leanest peer (lower is leaner)'", "unset key",
               f"set xrange [{min(xs) - 0.1 * dx}:{max(xs) + 0.25 * dx}]",
               f"set yrange [{min(ys) - 0.1 * dy}:{max(ys) + 0.12 * dy}]", "set format '%.2f'"]
    plots: List[str] = []
    for n, m in s.means.items():
        block = f"$d{len(plots) // 2}"
        script += [f"{block} << EOD", f"{m.time} {m.peak} {n}", "EOD"]
        colour, shape = style[n]
        plots += [f"{block} using 1:2 pointtype {shape} pointsize 1.5 linecolor '{colour}'",
                  f"{block} using 1:2:3 with labels offset 1.2,0 left textcolor '{colour}'"]
    return [*script, "plot " + ", \\\n  ".join(plots)]


def memory_chart(results: Results, s: Summary, name: str) -> List[str]:
    """For each row resident memory over time, with the live bytes below as an area."""
    lines = [line for line in s.lines if results["memory"].get(line.name, {}).get("resident")]
    columns = 3 if len(lines) > 2 else max(len(lines), 1)
    deep = -(-len(lines) // columns)
    height = 60 + 210 * deep
    low = 52 / height
    script = head(name, 360 * columns, height)
    script += [f"set multiplot layout {deep},{columns} margins 0.06,0.985,{low + 0.02:.4f},"
               f"{1 - 26 / height:.4f} spacing 0.06,{54 / height:.4f}",
               "unset key", "set xrange [0:1]", "set yrange [0:*]",
               "set xtics ('0' 0, '25 %%' 0.25, '50 %%' 0.5, '75 %%' 0.75, '100 %%' 1) font ',10'",
               "set ytics font ',10' autofreq", "set format y '%g'"]
    style = styles(s.names, s.peers)
    for i, line in enumerate(lines):
        memory = results["memory"][line.name]
        script.append(f"set title {quote(line.name + ', MiB')} font ',13' offset 0,-0.7")
        plots = []
        if memory["live"]:
            script += _curve(f"$l{i}", memory["live"])
            plots.append(f"$l{i} using 1:2 with filledcurves y1=0 linecolor '#d9d9d9'")
        for k, n in enumerate(sorted(s.names, key=lambda n: n not in s.peers)):
            if memory["resident"].get(n):
                script += _curve(f"$r{i}_{k}", memory["resident"][n])
                width = 1.2 if n in s.peers else 2
                plots.append(f"$r{i}_{k} using 1:2 with lines linewidth {width}"
                             f" linecolor '{style[n][0]}'")
        script.append("plot " + ", \\\n  ".join(plots))
    script.append("unset multiplot")
    # one legend for all: labels at the foot, set before the first plot
    return _with_legend(script, s, height)


def _with_legend(script: List[str], s: Summary, height: int) -> List[str]:
    style = styles(s.names, s.peers)
    entries = [(n, style[n][0]) for n in s.names] + [("live bytes", "#9a9a9a")]
    place = script.index(next(l for l in script if l.startswith("set title")))
    labels, clear = [], []
    for i, (n, colour) in enumerate(entries):
        labels.append(f"set label {i + 1} {quote('■ ' + n)} at screen"
                      f" {0.06 + 0.92 * i / len(entries):.3f},{14 / height:.4f} left"
                      f" textcolor '{colour}' font ',12'")
        clear.append(f"unset label {i + 1}")
    first_plot = next(i for i, l in enumerate(script) if l.startswith("plot "))
    return (script[:place] + labels + script[place:first_plot + 1] + clear
            + script[first_plot + 1:])


def _curve(block: str, samples: List[List[float]]) -> List[str]:
    """Time as a part of the run, so that runs of different lengths lie over each other."""
    whole = samples[-1][0] or 1.0
    return [f"{block} << EOD", *(f"{t / whole:.4f} {kib / 1024:.3f}" for t, kib in samples),
            "EOD"]


def draw(results: Results, s: Summary, folder: str) -> Tuple[List[str], str]:
    """Makes the charts: their names, and a line about what went wrong, if anything did."""
    if not s.lines:
        return [], ""
    scripts = {
        "time.svg": ratio_chart(s, "time.svg", "Time, ratio to the best peer of the row",
                                lambda c: c.ratio, lambda n: s.means[n].time),
        "peak.svg": ratio_chart(s, "peak.svg", "Peak memory, ratio to the leanest peer of the row",
                                lambda c: c.lean, lambda n: s.means[n].peak),
        "means.svg": means_chart(s, "means.svg"),
    }
    if any(results["memory"].get(line.name, {}).get("resident") for line in s.lines):
        scripts["memory.svg"] = memory_chart(results, s, "memory.svg")
    return render(scripts, folder)


def render(scripts: Dict[str, List[str]], folder: str) -> Tuple[List[str], str]:
    """Pictures by gnuplot: the names of those made, and a line about what went wrong, if so."""
    gnuplot = shutil.which("gnuplot")
    if gnuplot is None:
        return [], "no gnuplot (Debian: gnuplot-nox), so no charts"
    made: List[str] = []
    for name, script in scripts.items():
        new = name + ".new"
        text = "\n".join(script).replace(f"set output '{name}'", f"set output '{new}'") + "\n"
        try:
            done = subprocess.run([gnuplot, "-"], input=text, capture_output=True, text=True,
                                  cwd=folder, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as e:
            return made, f"gnuplot cannot be run: {e}"
        complaint = done.stderr.strip().splitlines()
        path = os.path.join(folder, new)
        if done.returncode != 0 or not _whole(path):
            if os.path.exists(path):
                os.unlink(path)
            return made, f"{name}: gnuplot: {complaint[-1] if complaint else 'no picture written'}"
        os.replace(path, os.path.join(folder, name))
        made.append(name)
    return made, ""


def _whole(path: str) -> bool:
    """A full disk leaves a picture without its end."""
    try:
        with open(path, "rb") as file:
            file.seek(max(os.path.getsize(path) - 100, 0))
            return b"</svg>" in file.read()
    except OSError:
        return False


