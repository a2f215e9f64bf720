"""What an ELF file is: only as much as deciding whose malloc a process calls needs."""

from __future__ import annotations

import functools
import mmap
import struct
from typing import NamedTuple, Optional

_DYNAMIC, _INTERP = 2, 3
_STRTAB, _SYMTAB, _HASH, _GNU_HASH = 5, 6, 4, 0x6FFFFEF5


class Elf(NamedTuple):
    """A 64-bit little-endian ELF file."""

    has_loader: bool
    """Names a program interpreter: it is a dynamic executable."""
    is_dynamic: bool
    defines_malloc: bool
    """Has a dynamic symbol malloc of its own, so may serve others."""


def is_script(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


@functools.lru_cache(maxsize=None)
def read(path: str) -> Optional[Elf]:
    """None when the file cannot be read or is no ELF file of this machine's kind."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as m:
            return _parse(m)
    except (OSError, ValueError, struct.error, IndexError):
        return None


def _parse(m: mmap.mmap) -> Optional[Elf]:
    if m[:6] != b"\x7fELF\x02\x01":
        return None
    at, = struct.unpack_from("<Q", m, 32)
    size, count = struct.unpack_from("<HH", m, 54)
    segments = [struct.unpack_from("<IIQQQQ", m, at + i * size) for i in range(count)]
    dynamic = [s for s in segments if s[0] == _DYNAMIC]
    loader = any(s[0] == _INTERP for s in segments)
    if not dynamic:
        return Elf(loader, False, False)

    def offset(address: int) -> int:
        for kind, _, place, where, _, length in segments:
            if kind == 1 and where <= address < where + length:
                return int(place + address - where)
        raise ValueError("an address outside the file")

    tags = {}
    for tag, value in struct.iter_unpack("<qQ", m[dynamic[0][2]:dynamic[0][2] + dynamic[0][5]]):
        if tag == 0:
            break
        tags[tag] = value
    if _SYMTAB not in tags or _STRTAB not in tags:
        return Elf(loader, True, False)
    strings, symbols = offset(tags[_STRTAB]), offset(tags[_SYMTAB])
    if _GNU_HASH in tags:
        found = _by_gnu_hash(m, offset(tags[_GNU_HASH]), strings, symbols, b"malloc")
    elif _HASH in tags:
        number, = struct.unpack_from("<I", m, offset(tags[_HASH]) + 4)
        found = any(_is(m, strings, symbols, i, b"malloc") for i in range(number))
    else:
        found = False
    return Elf(loader, True, found)


def _is(m: mmap.mmap, strings: int, symbols: int, i: int, wanted: bytes) -> bool:
    """Symbol i has the name, and is defined here."""
    name, info, _, section = struct.unpack_from("<IBBH", m, symbols + 24 * i)
    if section == 0 or info & 15 not in (2, 10):
        return False
    at = strings + name
    return m[at:at + len(wanted) + 1] == wanted + b"\0"


def _by_gnu_hash(m: mmap.mmap, table: int, strings: int, symbols: int, wanted: bytes) -> bool:
    buckets, first, bloom, _ = struct.unpack_from("<IIII", m, table)
    value = 5381
    for letter in wanted:
        value = (value * 33 + letter) & 0xFFFFFFFF
    lists = table + 16 + 8 * bloom
    chains = lists + 4 * buckets
    i, = struct.unpack_from("<I", m, lists + 4 * (value % buckets))
    if i < first:
        return False
    while True:
        link, = struct.unpack_from("<I", m, chains + 4 * (i - first))
        if link | 1 == value | 1 and _is(m, strings, symbols, i, wanted):
            return True
        if link & 1:
            return False
        i += 1
