"""The allocators that are compared, and the question whose malloc a process really calls."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
from dataclasses import dataclass, field
from typing import Dict, List, Optional

from . import elf

# Debian's peers: name, soname, package.
PEERS = (
    ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
    ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
    ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    ("tbbmalloc", "libtbbmalloc_proxy.so.2", "libtbbmalloc2"),
)

_AT_SECURE = 23

# Settings of the caller's that would change an allocator behind the comparison's back.
_TUNING = re.compile(r"(HAKMEM|MIMALLOC|TCMALLOC|TBB|MALLOC)_|_?MALLOC_CONF$|GLIBC_TUNABLES$|LD_")


@dataclass(frozen=True)
class Allocator:
    """Something whose malloc a program is to use."""

    name: str
    path: str
    """The real path of the library; glibc's own libc for glibc."""
    preload: str
    """What LD_PRELOAD gets: the path, or a link to it where the path has blanks or colons."""
    ours: bool = False
    """A variant of hakmem; all others are peers."""
    settings: Dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    """Variables for its runs."""
    version: str = ""


class Unusable(Exception):
    """An allocator, or a program, that cannot take part; its text is one line."""


def clean_environment() -> Dict[str, str]:
    """The caller's environment without what would change an allocator."""
    kept = {k: v for k, v in os.environ.items() if not _TUNING.match(k)}
    return {**kept, "LC_ALL": "C"}


def soname_path(soname: str) -> Optional[str]:
    """Where the loader's cache has a library for this machine."""
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        text = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == soname and (elf.read(words[-1]) or None):
            return os.path.realpath(words[-1])
    return None


def package_version(path: str) -> str:
    """The Debian package of a file with its version, or nothing."""
    def ask(*command: str) -> str:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return ""
        return done.stdout

    if not path.startswith(("/usr/lib/", "/lib/")):
        return ""
    # a file may be known by the name it had before /lib became a link
    short = path[4:] if path.startswith("/usr/") else path
    owner, colon, _ = ask("dpkg-query", "-S", short, "/usr" + short).partition(": ")
    return ask("dpkg-query", "-W", "-f", "${Package} ${Version}", owner) if colon else ""


class Finder:
    """Makes allocators out of names and paths; each is asked before it is believed."""

    def __init__(self, launch: str, folder: str) -> None:
        self.launch = launch
        self.folder = folder
        """Where links to libraries with odd paths go."""
        self._links = 0

    def glibc(self) -> Allocator:
        path = os.path.realpath(self._which(None, "glibc"))
        return Allocator("glibc", path, path, version=package_version(path))

    def from_file(self, name: str, text: str, ours: bool = False) -> Allocator:
        """PATH[,VARIABLE=VALUE...]; Unusable when it is no allocator."""
        path, *words = text.split(",")
        settings = dict(w.split("=", 1) for w in words if "=" in w)
        if len(settings) != len(words):
            raise Unusable(f"{name}: settings are VARIABLE=VALUE, after the path and commas")
        if not os.path.isfile(path):
            raise Unusable(f"{name}: no file {path}")
        path = os.path.realpath(path)
        preload = path
        if re.search(r"[\s:]", path):
            self._links += 1
            base = re.sub(r"[\s:]", "_", os.path.basename(path))
            preload = os.path.join(self.folder, f"{self._links}-{base}")
            os.symlink(path, preload)
        got = os.path.realpath(self._which(preload, name))
        if got != path:
            raise Unusable(f"{name}: {path} is no allocator: malloc stays that of {got}")
        return Allocator(name, path, preload, ours, settings, package_version(path))

    def _which(self, preload: Optional[str], name: str) -> str:
        environment = clean_environment()
        if preload:
            environment["LD_PRELOAD"] = preload
        try:
            done = subprocess.run([self.launch, "--which"], env=environment, capture_output=True,
                                  text=True, errors="replace", timeout=20, check=False)
        except subprocess.TimeoutExpired:
            raise Unusable(f"{name}: a small program does not end with it") from None
        except OSError as e:
            raise Unusable(f"{name}: {self.launch}: {e.strerror}") from None
        if done.returncode != 0 or not done.stdout.strip():
            why = done.stderr.strip().splitlines()
            raise Unusable(f"{name}: a small program {how_ended(done.returncode)} with it"
                           + (f": {why[0][:120]}" if why else ""))
        return done.stdout.strip()


def how_ended(status: int) -> str:
    """A return code as subprocess has it, in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def defines_malloc(path: str) -> bool:
    file = elf.read(path)
    return file is not None and file.defines_malloc


def mapped_files(pid: int) -> List[str]:
    """Paths of the files that a process has mapped; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            paths = {line.split(None, 5)[5].rstrip("\n") for line in file if "/" in line}
    except (OSError, IndexError):
        return []
    return sorted(p for p in paths if p.startswith("/"))


def _is_secure(pid: int) -> bool:
    """The loader heeds no LD_PRELOAD for it, because it changes user."""
    try:
        with open(f"/proc/{pid}/auxv", "rb") as file:
            words = file.read()
    except OSError:
        return True
    return any(k == _AT_SECURE and v for k, v in struct.iter_unpack("<QQ", words))


def _preloaded(pid: int) -> List[str]:
    """What its environment tells, which a process may have overwritten."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return []
    for word in words:
        if word.startswith(b"LD_PRELOAD="):
            return [os.path.realpath(p) for p in re.split(r"[\s:]", os.fsdecode(word[11:])) if p]
    return []


def serving(pid: int, preload: Optional[str] = None) -> Optional[str]:
    """The file whose malloc a running process calls, by the loader's rule; None: cannot say yet.

    preload: what was given to it, where that is known.

    The loader takes the first that defines malloc: the executable, then what is preloaded, then
    what the program is linked with, libc among them. A library that the program has loaded later
    by itself comes after all of these, and counts only where nothing before it has a malloc.
    """
    try:
        executable = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None
    files = mapped_files(pid)
    if not files:
        return None
    if defines_malloc(executable):
        return executable
    for path in [preload] if preload and not _is_secure(pid) else _preloaded(pid):
        if path in files and defines_malloc(path):
            return path
    libc = None
    for path in files:
        base = os.path.basename(path)
        if re.match(r"libc(-[0-9.]+)?\.so", base):
            libc = path
        elif not base.startswith("ld") and path != executable and defines_malloc(path):
            return path
    return libc


def check_program(path: str) -> None:
    """Raises Unusable for an executable whose malloc cannot be replaced."""
    file = elf.read(os.path.realpath(path))
    if file is None:
        raise Unusable(f"{path} is a script, or no program of this machine")
    if not file.has_loader:
        raise Unusable(f"{path} is linked statically: nothing can be preloaded")
    if file.defines_malloc:
        raise Unusable(f"{path} has a malloc of its own")
