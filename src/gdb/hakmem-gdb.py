"""hakmem in gdb: what the heap of a process, or of a core file, holds.

    hakmem heap             the whole heap: superslabs, classes, threads, large blocks
    hakmem ptr ADDRESS      what is at an address: which block, in use or free, and why
    hakmem class N|SIZE     the slabs of a class, or of the one that serves SIZE

gdb loads this file by itself when the library is in the process, if it is installed below one of
gdb's auto-load folders; else `source hakmem-gdb.py`. The library's debug information is needed:
all layouts are read from it. The process is only read, and stays as it is.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from itertools import islice
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import gdb

UNIT = 2 << 20
SLAB = 64 << 10
SLABS = UNIT // SLAB
ZONE = 4 << 30
TINY_MAX = 8192
LARGE_MAGIC = 0x6B6D6C61726765
REMOTE_LIST = 0x1FFFF
REMOTE_COUNT_SHIFT, REMOTE_COUNT = 17, 0x1FFF
REMOTE_OWNED, REMOTE_WAITING = 1 << 30, 1 << 31
KIND_SUPERSLAB, KIND_LARGE, KIND_SHIFTED = 1, 2, 3


def memory(address: int, size: int) -> bytes:
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address: int) -> int:
    return struct.unpack("=Q", memory(address, 8))[0]


def mib(n: int) -> str:
    return f"{n / (1 << 20):.1f} MiB" if n >= 1 << 20 else f"{n / 1024:.1f} KiB"


class Layout:
    """Where the fields of one of the library's structures are."""

    def __init__(self, name: str) -> None:
        self.type = gdb.lookup_type(f"struct {name}")
        self.size = self.type.sizeof
        self.at: Dict[str, Tuple[int, int]] = {}
        for f in self.type.fields():
            self.at[f.name] = (f.bitpos // 8, f.type.sizeof)

    def get(self, raw: bytes, name: str, base: int = 0) -> int:
        at, size = self.at[name]
        return int.from_bytes(raw[base + at:base + at + size], "little")


class Class(NamedTuple):
    """One size class."""

    number: int
    stride: int
    capacity: int
    slabs: int
    tiny: bool


class Span(NamedTuple):
    """A span of slabs in use: its first slab's lines, read when the command began."""

    cls: Class
    start: int
    first: int    # offset of block 0's user address
    free: int     # user address of the first block on the free list; 0: none
    used: int
    capacity: int
    carved: int
    binder: int
    remote: int   # the word
    holes: List[int]  # a mask of pages for each slab

    @property
    def owned(self) -> bool:
        return bool(self.remote & REMOTE_OWNED)

    @property
    def remote_list(self) -> int:
        units = self.remote & REMOTE_LIST
        return self.start + (units - 1) * 16 if units else 0

    @property
    def out(self) -> int:
        """Blocks that left the span and did not come back to it."""
        count = self.remote >> REMOTE_COUNT_SHIFT & REMOTE_COUNT
        return max(self.used - count, 0) if self.owned else count

    @property
    def state(self) -> str:
        if self.remote & REMOTE_WAITING:
            return "waits for a thread"
        return "owned" if self.owned else "dormant"


class Large(NamedTuple):
    """A large block in use."""

    base: int
    mapped: int
    user: int
    size: int


class Superslab(NamedTuple):
    """The record of a superslab, and where its slabs' lines are."""

    base: int
    free: int
    zero: int
    huge: bool
    lines: int


class Heap:
    """A reader of the library's structures, made anew for each command."""

    def __init__(self) -> None:
        objfile = next((o for o in gdb.objfiles()
                        if o.is_valid() and o.lookup_global_symbol("hm_registry_root")), None)
        if objfile is None:
            raise gdb.GdbError("hakmem: not in this process, or without debug information "
                               "(install the library's -dbgsym package, or build with -g)")
        self.objfile = objfile
        self.slab, self.remote, self.unit = (Layout(n) for n in ("hm_slab", "hm_remote",
                                                                 "hm_superslab"))
        self.zone, self.heap, self.bin = (Layout(n) for n in ("hm_zone", "hm_heap", "hm_bin"))
        self.large, self.sll, self.batch = (Layout(n) for n in ("hm_large", "hm_sll", "hm_batch"))
        self.header = int(gdb.parse_and_eval("HM_HEADER_BYTES"))
        self.page = int(self._static("page_size", "os/os_linux.c")) or 4096
        self.classes = self._classes()
        self.superslabs: List[Superslab] = []
        self.larges: List[Large] = []
        for zone in self._zones():
            self._read_zone(zone)
        self.superslabs.sort()
        self.bases = [s.base for s in self.superslabs]
        self.heaps = list(self._heaps())

    def _global(self, name: str) -> gdb.Value:
        return self.objfile.lookup_global_symbol(name).value()

    def _static(self, name: str, file: str) -> gdb.Value:
        for s in gdb.lookup_static_symbols(name):
            if s.symtab.filename.endswith(file) and s.symtab.objfile == self.objfile:
                return s.value()
        raise gdb.GdbError(f"hakmem: no variable {name} of {file} in the debug information")

    def _classes(self) -> List[Class]:
        table = self._global("hm_classes")
        first, last = table.type.range()
        classes: List[Class] = []
        for i in range(first, last + 1):
            c = table[i]
            tiny = int(c["stride"]) <= TINY_MAX and (not classes or classes[-1].tiny)
            classes.append(Class(i, int(c["stride"]), int(c["capacity"]), int(c["slabs"]), tiny))
        return classes

    def _zones(self) -> Iterator[int]:
        root = self._global("hm_registry_root")
        nodes = memory(int(root.address), root.type.sizeof)
        for (node,) in struct.iter_unpack("=Q", nodes):
            if node:
                size = gdb.lookup_type("struct hm_zone_node").sizeof
                yield from (z for (z,) in struct.iter_unpack("=Q", memory(node, size)) if z)

    def _read_zone(self, zone: int) -> None:
        at, size = self.zone.at["units"]
        base = word(zone + self.zone.at["base"][0])
        units = memory(zone + at, size)
        for i in range(size // self.unit.size):
            kind = self.unit.get(units, "kind", i * self.unit.size)
            start = base + i * UNIT
            if kind == KIND_SUPERSLAB:
                get = lambda name: self.unit.get(units, name, i * self.unit.size)
                lines = zone + self.zone.at["slabs"][0] + i * SLABS * self.slab.size
                self.superslabs.append(Superslab(start, get("free_mask"), get("zero_mask"),
                                                 bool(get("huge")), lines))
            elif kind in (KIND_LARGE, KIND_SHIFTED):
                self._read_large(start - (UNIT if kind == KIND_SHIFTED else 0))

    def _read_large(self, base: int) -> None:
        raw = memory(base, self.large.size)
        if self.large.get(raw, "magic") == LARGE_MAGIC ^ base:
            self.larges.append(Large(base, self.large.get(raw, "map_size"),
                                     base + self.large.get(raw, "user_offset"),
                                     self.large.get(raw, "user_size")))

    def _heaps(self) -> Iterator[Tuple[int, bytes]]:
        """All heaps, those of threads that ended too: address and contents."""
        nodes = self._static("heaps", "heap/thread.c")["all"]
        head, node = int(nodes.address), int(nodes["next"])
        while node not in (0, head):
            address = node - self.heap.at["node"][0]
            yield address, memory(address, self.heap.size)
            node = word(node)

    def span(self, ss: Superslab, i: int) -> Optional[Span]:
        """The span that begins with slab i; None when i is free or not a beginning."""
        raw = memory(ss.lines + i * self.slab.size, self.slab.size)
        number = self.slab.get(raw, "cls")
        if ss.free >> i & 1 or self.slab.get(raw, "lead") or number >= len(self.classes):
            return None
        cls = self.classes[number]
        start = ss.base + i * SLAB
        remotes = ss.lines + self.zone.at["remotes"][0] - self.zone.at["slabs"][0]
        remote = memory(remotes + i * self.remote.size, cls.slabs * self.remote.size)
        base = self.slab.get(raw, "free")
        lead = self.header if cls.tiny else 0
        return Span(cls, start, self.slab.get(raw, "origin") - (start & 0xFFFFFFFF),
                    base + lead if base else 0, self.slab.get(raw, "used"),
                    self.slab.get(raw, "capacity"), self.slab.get(raw, "carved"),
                    self.slab.get(raw, "binder"), self.remote.get(remote, "word"),
                    [self.remote.get(remote, "holes", k * self.remote.size)
                     for k in range(cls.slabs)])

    def spans(self) -> Iterator[Span]:
        for ss in self.superslabs:
            for i in range(SLABS):
                span = self.span(ss, i)
                if span is not None:
                    yield span

    def is_missing(self, span: Span, user: int) -> bool:
        """Does one of the block's pages lie in a hole?"""
        pages = SLAB // self.page
        first = (user - span.start) // self.page
        last = (user + span.cls.stride - 1 - span.start) // self.page
        return any(span.holes[i // pages] >> i % pages & 1
                   for i in range(first, min(last + 1, pages * span.cls.slabs)))

    def chain(self, user: int, cls: Class, limit: int = 1 << 20) -> Iterator[int]:
        """The user addresses of a list of free blocks."""
        lead = self.header if cls.tiny else 0
        while user and limit:
            yield user
            base = word(user)
            user = base + lead if base else 0
            limit -= 1
        if user:
            raise gdb.GdbError(f"hakmem: a free list of class {cls.number} does not end: "
                               "it was overwritten, at or before " + hex(user))

    def lists(self, heap: bytes, cls: Class) -> Iterator[Tuple[str, int]]:
        """Free blocks of a class that a thread keeps, fresh memory not among them."""
        lead = self.header if cls.tiny else 0
        heads = (
            ("the list of its thread", self.sll.get(
                heap, "head", self.heap.at["sll"][0] + cls.number * self.sll.size)),
            ("the second list of its thread", self.bin.get(
                heap, "back", self.heap.at["bins"][0] + cls.number * self.bin.size)),
        )
        for name, base in heads:
            for user in self.chain(base + lead if base else 0, cls):
                yield name, user

    def batches(self, heap: bytes) -> Iterator[Tuple[Class, List[int]]]:
        """What is on its way to slabs of other threads."""
        at, size = self.heap.at["batches"]
        for b in range(at, at + size, self.batch.size):
            line = self.batch.get(heap, "slab", b)
            if line:
                cls = self.classes[memory(line + self.slab.at["cls"][0], 1)[0]]
                first = self.batch.get(heap, "first", b) + (self.header if cls.tiny else 0)
                # The last one's link is not set before the batch goes.
                yield cls, list(islice(self.chain(first, cls), self.batch.get(heap, "count", b)))

    def fresh(self, heap: bytes, cls: Class) -> Tuple[int, int]:
        """The first fresh block of the class's bound slab, and how many there are."""
        at = self.heap.at["bins"][0] + cls.number * self.bin.size
        return self.bin.get(heap, "bump", at), self.bin.get(heap, "bump_left", at)

    def superslab_of(self, address: int) -> Optional[Superslab]:
        i = bisect_right(self.bases, address) - 1
        if i >= 0 and address < self.bases[i] + UNIT:
            return self.superslabs[i]
        return None


def kept(heap: Heap, cls: Class) -> int:
    """Blocks of a class that all threads keep for themselves."""
    return sum(heap.fresh(h, cls)[1] + sum(1 for _ in heap.lists(h, cls)) for _, h in heap.heaps)


class Hakmem(gdb.Command):
    """What hakmem's heap holds: hakmem heap, hakmem ptr ADDRESS, hakmem class N|SIZE."""

    def __init__(self) -> None:
        super().__init__("hakmem", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class HakmemHeap(gdb.Command):
    """The whole heap: superslabs, slabs, blocks in use of each class, threads, large blocks."""

    def __init__(self) -> None:
        super().__init__("hakmem heap", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        if argument.strip():
            raise gdb.GdbError("usage: hakmem heap")
        heap = Heap()
        spans: Dict[int, List[Span]] = {}
        for span in heap.spans():
            spans.setdefault(span.cls.number, []).append(span)
        free = sum(bin(s.free).count("1") for s in heap.superslabs)
        dirty = sum(bin(s.free & ~s.zero).count("1") for s in heap.superslabs)
        holes = sum(bin(m).count("1") for l in spans.values() for s in l for m in s.holes)
        print(f"superslabs {len(heap.superslabs)} ({mib(len(heap.superslabs) * UNIT)}), "
              f"{sum(s.huge for s in heap.superslabs)} with huge pages; free slabs {free}, "
              f"{dirty} of them resident; pages given back inside slabs {holes}")
        self._classes(heap, spans)
        for address, raw in heap.heaps:
            used = heap.heap.get(raw, "in_use")
            keeps = sum(sum(1 for _ in heap.lists(raw, c)) * c.stride for c in heap.classes)
            print(f"heap {address:#x}: {'a thread has it' if used else 'nobody has it'}, "
                  f"keeps {mib(keeps)} of freed blocks")
        for block in heap.larges:
            print(f"large block {block.user:#x}: {block.size} bytes ({mib(block.mapped)} mapped)")

    @staticmethod
    def _classes(heap: Heap, spans: Dict[int, List[Span]]) -> None:
        print("class      size    slabs   in use     free      bytes in use")
        batched: Dict[int, int] = {}
        for _, raw in heap.heaps:
            for cls, chain in heap.batches(raw):
                batched[cls.number] = batched.get(cls.number, 0) + len(chain)
        blocks = size = 0
        for number, of_class in sorted(spans.items()):
            cls = heap.classes[number]
            live = sum(s.out for s in of_class) - kept(heap, cls) - batched.get(number, 0)
            free = sum(s.capacity for s in of_class) - live
            blocks, size = blocks + live, size + live * cls.stride
            print(f"{number:5} {cls.stride:9} {len(of_class) * cls.slabs:8} {live:8} {free:8} "
                  f"{live * cls.stride:17}")
        print(f"blocks in use {blocks}, {size} bytes; large {len(heap.larges)}, "
              f"{sum(b.size for b in heap.larges)} bytes")


class HakmemPtr(gdb.Command):
    """What is at an address: the block, whether it is in use, and where it is kept if not."""

    def __init__(self) -> None:
        super().__init__("hakmem ptr", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument: str, from_tty: bool) -> None:
        if not argument.strip():
            raise gdb.GdbError("usage: hakmem ptr ADDRESS")
        address = int(gdb.parse_and_eval(argument).cast(gdb.lookup_type("unsigned long")))
        heap = Heap()
        ss = heap.superslab_of(address)
        if ss is not None:
            self._in_superslab(heap, ss, address)
            return
        for block in heap.larges:
            if block.base <= address < block.base + block.mapped:
                inside = block.user <= address < block.user + block.size
                where = f"byte {address - block.user} of" if inside else "the mapping of"
                print(f"{address:#x}: {where} the large block {block.user:#x}, in use, "
                      f"{block.size} bytes")
                return
        print(f"{address:#x}: not hakmem's, or a large block that was freed")

    def _in_superslab(self, heap: Heap, ss: Superslab, address: int) -> None:
        i = (address - ss.base) // SLAB
        if ss.free >> i & 1:
            print(f"{address:#x}: in a free slab, "
                  f"{'given back' if ss.zero >> i & 1 else 'resident'}")
            return
        lead = memory(ss.lines + i * heap.slab.size + heap.slab.at["lead"][0], 1)[0]
        span = heap.span(ss, i - lead)
        if span is None:
            print(f"{address:#x}: in a slab that is being taken or given back")
            return
        k, offset = divmod(address - span.start - span.first, span.cls.stride)
        if address < span.start + span.first or k >= span.cls.capacity:
            print(f"{address:#x}: beside the blocks of a slab of class {span.cls.number}")
            return
        user = span.start + span.first + k * span.cls.stride
        where = f"{address:#x}: " + (f"byte {offset} of block {user:#x}" if offset else "block")
        owner = f", heap {span.binder:#x}" if span.binder else ""
        print(f"{where}, {self._state(heap, span, user)}; class {span.cls.number}, "
              f"{span.cls.stride} bytes; slab {span.start:#x}, {span.state}{owner}")

    @staticmethod
    def _state(heap: Heap, span: Span, user: int) -> str:
        cls = span.cls
        if heap.is_missing(span, user):
            return "free: its page was given back"
        if user in heap.chain(span.free, cls):
            return "free: on the slab's list"
        if user in heap.chain(span.remote_list, cls):
            return "free: given back by another thread"
        for _, raw in heap.heaps:
            first, count = heap.fresh(raw, cls)
            if count and first <= user < first + count * cls.stride:
                return "free: never used"
            for name, block in heap.lists(raw, cls):
                if block == user:
                    return f"free: on {name}"
            if any(user in chain for _, chain in heap.batches(raw)):
                return "free: on its way to its slab"
        if user >= span.start + span.first + span.carved * cls.stride and not any(span.holes):
            return "free: never used"
        return "in use"


class HakmemClass(gdb.Command):
    """The slabs of a class, by its number, or by a size above the last number."""

    def __init__(self) -> None:
        super().__init__("hakmem class", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        try:
            number = int(argument, 0)
        except ValueError:
            raise gdb.GdbError("usage: hakmem class N|SIZE") from None
        heap = Heap()
        if number < 0:
            raise gdb.GdbError("usage: hakmem class N|SIZE")
        if number >= len(heap.classes):
            fits = [c.number for c in heap.classes[:-2] if c.stride - heap.header >= number]
            if not fits:
                raise gdb.GdbError(f"hakmem: no class holds {number} bytes; such blocks are large")
            number = fits[0]
        cls = heap.classes[number]
        print(f"class {number}: blocks of {cls.stride} bytes, {cls.capacity} to a span of "
              f"{cls.slabs} slab{'s' if cls.slabs > 1 else ''}; threads keep {kept(heap, cls)}")
        for span in heap.spans():
            if span.cls == cls:
                holes = sum(bin(m).count("1") for m in span.holes)
                print(f"slab {span.start:#x}: {span.out} of {span.capacity} out, {span.state}"
                      + (f", heap {span.binder:#x}" if span.binder else "")
                      + (f", {holes} pages given back" if holes else ""))


Hakmem()
HakmemHeap()
HakmemPtr()
HakmemClass()
