"""The results file, what it says about the machine, and writing files whole or not at all."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import tempfile
from typing import Any, Dict

Results = Dict[str, Any]
"""As in the JSON file; session.Session makes it, docs are in FORMAT."""

FORMAT = 1
"""Of the results file:

date, command, commit, machine, quick, rounds (done), interrupted, seconds (the whole took)
allocators  name, path, version, ours, settings
rows        name, note, real, command
runs        row, allocator, round, seconds (compared), wall, user, system, peak_kib, minor,
            major, operations, rate; one for each run that was measured
memory      by row: live [[second, KiB]...] of an untimed run; resident by allocator, alike, of
            the warm-up run, all processes together
failures    row, allocator, why
left_out    lines about what could not take part
"""


def write_file(path: str, text: str) -> None:
    """The file has the whole text or stays as it was. Raises OSError."""
    folder = os.path.dirname(path) or "."
    number, name = tempfile.mkstemp(prefix=".new-", dir=folder)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        try:
            os.unlink(name)
        except OSError:
            pass
        raise


def _text(results: Results) -> str:
    """JSON with a line for each run, row, curve and so on."""
    def lines(value: Any) -> str:
        if isinstance(value, list) and value:
            return "[\n" + ",\n".join("  " + json.dumps(v) for v in value) + "\n ]"
        if isinstance(value, dict) and value:
            return "{\n" + ",\n".join(
                f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n }"
        return json.dumps(value)

    return "{\n" + ",\n".join(
        f" {json.dumps(k)}: {lines(v)}" for k, v in results.items()) + "\n}\n"


def save(results: Results, path: str) -> None:
    write_file(path, _text(results))


def load(path: str, wanted: Any = FORMAT) -> Results:
    """Raises OSError, or ValueError when it is not of the wanted format."""
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    if not isinstance(results, dict) or results.get("format") != wanted:
        raise ValueError(f"{path}: no results file of this kind and version")
    return results


def _first(path: str, pattern: str = r"(.*)") -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return "unknown"
    return found.group(1).strip() if found else "unknown"


def machine() -> Dict[str, Any]:
    return {
        "cpu": _first("/proc/cpuinfo", r"^model name\s*: (.*)"),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "memory_mib": int(_first("/proc/meminfo", r"^MemTotal:\s*(\d+)").replace("unknown", "0"))
        // 1024,
        "huge_pages": _first("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]"),
        "load_before": _first("/proc/loadavg", r"^(\S+)"),
    }


def commit(folder: str) -> str:
    """The source's commit, with + when files differ from it; nothing outside a repository."""
    def git(*words: str) -> str:
        try:
            done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True,
                                  check=False)
        except OSError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    number = git("rev-parse", "--short=12", "HEAD")
    changed = number and git("status", "--porcelain", "--untracked-files=no")
    return number + ("+" if changed else "")
