"""Results as text: tables for the terminal, and a Markdown file."""

from __future__ import annotations

from typing import Callable, List, Optional

from .results import Results
from .stats import Cell, Line, Mean, Summary

Table = List[List[str]]

_UNSURE = "~"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 99.5 else f"{value:.0f}"


def _mib(kib: float) -> str:
    return f"{kib / 1024:.1f}"


def _count(value: float) -> str:
    if value >= 1e9:
        return f"{value / 1e9:.2f}G"
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    return f"{value / 1e3:.0f}k" if value >= 1e4 else f"{value:.0f}"


def time_table(s: Summary) -> Table:
    """Ratios of the time to that of the row's best peer."""
    def cell(c: Cell) -> str:
        return _ratio(c.ratio) + (_UNSURE if c.unsure else " ")

    def best(line: Line) -> str:
        return line.best + ("" if line.ranked else _UNSURE)

    table = _per_row(s, "best peer", best, cell)
    table.append(_bottom(s, "geometric mean", lambda m: _ratio(m.time) + " "))
    if any(line.real for line in s.lines) and not all(line.real for line in s.lines):
        table.append(_bottom(s, "  real programs", lambda m: _ratio(m.time_real) + " "))
    table.append(_bottom(s, "  processor time", lambda m: _ratio(m.cpu) + " "))
    table.append(_bottom(s, "worst row", lambda m: _ratio(m.worst) + " "))
    return table


def peak_table(s: Summary) -> Table:
    """Ratios of the peak memory to that of the row's leanest peer."""
    table = _per_row(s, "leanest", lambda line: line.leanest,
                     lambda c: _ratio(c.lean) + " ")
    table.append(_bottom(s, "geometric mean", lambda m: _ratio(m.peak) + " "))
    return table


def _per_row(s: Summary, title: str, first: Callable[[Line], str],
             text: Callable[[Cell], str]) -> Table:
    table = [["row", title, *(n + " " for n in s.names)]]
    for line in s.lines:
        table.append([line.name, first(line),
                      *(text(line.cells[n]) if n in line.cells else "- " for n in s.names)])
    return table


def _bottom(s: Summary, title: str, text: Callable[[Mean], str]) -> List[str]:
    def one(name: str) -> str:
        mean: Optional[Mean] = s.means.get(name)
        if mean is None:
            return "- "
        return text(mean) if mean.rows == len(s.lines) else f"({text(mean).strip()})"

    return [title, "", *map(one, s.names)]


def aligned(table: Table) -> str:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(v.ljust(w) if i < 2 else v.rjust(w) for i, (v, w) in enumerate(zip(row, widths)))
        .rstrip() for row in table)


def remarks(results: Results, s: Summary) -> List[str]:
    """What a reader must know of the figures."""
    lines = []
    if results["interrupted"]:
        lines.append(f"Interrupted: {results['rounds']} whole rounds.")
    if results["rounds"] < 2:
        lines.append("One round tells no spread, so nothing is ranked.")
    elif s.unsure:
        lines.append(f"{_UNSURE} not ranked: the difference to the best peer is within the spread"
                     f" ({s.unsure} of {s.cells} cells).")
    noisy = [line for line in s.lines if _noise(line) > 0.05]
    if noisy:
        lines.append("Noisy, spread above 5 %: " + ", ".join(
            f"{line.name} {100 * _noise(line):.0f} %" for line in noisy) + ".")
    if any(m.rows < len(s.lines) for m in s.means.values()):
        lines.append("A mean in brackets is over the rows that the allocator has.")
    lines += [f"Failed: {f['row']} on {f['allocator']}: {f['why']}" for f in results["failures"]]
    return lines


def _noise(line: Line) -> float:
    """The middle one of the cells' spreads, as a part of their times."""
    parts = sorted(c.spread / c.seconds for c in line.cells.values() if c.spread and c.seconds)
    return parts[len(parts) // 2] if parts else 0.0


def terminal(results: Results, s: Summary) -> str:
    if not s.lines:
        return "\n".join(["No results.", *remarks(results, s)])
    return "\n".join([
        "Time, as a ratio to the best peer of the row:", "", aligned(time_table(s)), "",
        "Peak memory, as a ratio to the leanest peer of the row:", "", aligned(peak_table(s)), "",
        *remarks(results, s)])


def markdown_table(table: Table, left: int = 2) -> str:
    """The first row is the head; so many columns are text."""
    def row(cells: List[str]) -> str:
        return "| " + " | ".join(c.strip() for c in cells) + " |"

    head, *rest = table
    rule = "|" + "|".join("---" if i < left else "---:" for i in range(len(head))) + "|"
    return "\n".join([row(head), rule, *map(row, rest)])


def details(s: Summary) -> Table:
    """Everything measured, a line for each cell."""
    table = [["row", "allocator", "time, s", "spread", "/best", "CPU, s", "ops/s", "peak, MiB",
              "/leanest", "mean resident, MiB", "/live", "minor faults", "major"]]
    for line in s.lines:
        for name in s.names:
            c = line.cells.get(name)
            if c is None:
                continue
            part = "-"
            if c.spread is not None and c.seconds:
                part = f"{100 * c.spread / c.seconds:.1f} %"
            table.append([
                line.name, name, f"{c.seconds:.3f}", part,
                _ratio(c.ratio) + (_UNSURE if c.unsure else ""), f"{c.cpu:.3f}",
                _count(c.rate) if c.rate else "-", _mib(c.peak_kib), _ratio(c.lean),
                _mib(c.resident_kib),
                _ratio(c.resident_kib / line.live_kib) if line.live_kib else "-",
                _count(c.minor), _count(c.major)])
    return table


def what_rows_are(s: Summary) -> Table:
    table = [["row", "what it stands for", "live, mean MiB", "live, most MiB"]]
    for line in s.lines:
        note = line.note + (" (for a fixed time: its throughput is compared)"
                            if line.fixed_time else "")
        table.append([line.name, note, _mib(line.live_kib), _mib(line.live_most_kib)])
    return table


def markdown(results: Results, s: Summary, charts: List[str]) -> str:
    m = results["machine"]
    allocators = [["allocator", "version", "settings"]]
    for a in results["allocators"]:
        settings = " ".join(f"{k}={v}" for k, v in a["settings"].items())
        allocators.append([a["name"] + (" (ours)" if a["ours"] else ""), a["version"] or "-",
                           settings or "-"])
    parts = [
        "# Benchmark results",
        f"{results['date']}, commit {results['commit'] or 'unknown'}, {results['rounds']} rounds"
        f" after a warm-up, {results['seconds'] / 60:.0f} minutes:",
        f"    {results['command']}",
        f"{m['cpu']}, {m['cpus']} CPUs, {m['memory_mib'] / 1024:.0f} GiB, {m['kernel']},"
        f" {m['libc']}, huge pages: {m['huge_pages']}; load before: {m['load_before']}.",
        markdown_table(allocators, 3)]
    if s.lines:
        parts += [
            "## Time", "Median, as a ratio to the best peer of the row. Peers are all allocators"
            " but the variants of hakmem.", markdown_table(time_table(s))]
    parts.append("\n".join(f"- {line}" for line in remarks(results, s) + results["left_out"]))
    if s.lines:
        parts += [
            "## Peak memory", "Of the largest process, as a ratio to the leanest peer of the row.",
            markdown_table(peak_table(s))]
        parts += [f"![{name}]({name})" for name in charts]
        parts += [
            "## The rows", "Live memory is the bytes that the program has asked for and not freed.",
            markdown_table(what_rows_are(s)), "## In full",
            "Resident memory is sampled in a run of its own and is that of all processes together;"
            " the spread is the middle half's.", markdown_table(details(s))]
    return "\n\n".join(p for p in parts if p) + "\n"
