"""Real programs of Debian: what each runs, on inputs that are made here."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import Callable, List, Optional

from . import allocators, elf, inputs, process
from .allocators import Allocator, Unusable
from .process import Outcome
from .rows import Row, Setting
from .server import redis_rows


def find_program(name: str) -> str:
    """Debian's own first: another in PATH may be a script that chooses among several."""
    folders = ["/usr/bin", "/bin", *os.environ.get("PATH", "").split(os.pathsep)]
    for folder in folders:
        path = shutil.which(name, path=folder) if folder else None
        if path and not elf.is_script(path):
            allocators.check_program(path)
            return path
    raise Unusable(f"no program {name}")


class Real(Row):
    """A real program that is run to its end; its processes are looked at while it runs."""

    real = True

    def __init__(self, name: str, quick: bool, note: str, command: str,
                 make: Callable[[str], None], before: Optional[Callable[[str], None]] = None,
                 same_output: bool = True) -> None:
        super().__init__(name, quick, note)
        self._words = shlex.split(command)
        self._make, self._before = make, before
        self.same_output = same_output

    def prepare(self, setting: Setting) -> None:
        program = find_program(self._words[0])
        folder = self.own_folder(setting)
        try:
            self._make(folder)
        except OSError as e:
            raise Unusable(f"its input cannot be made: {e.strerror}: {e.filename or ''}") from None
        self.command = [program, *(w.replace("@", folder) for w in self._words[1:])]

    def run(self, setting: Setting, allocator: Allocator, sample: bool = False,
            live: Optional[str] = None, live_file: str = "") -> Outcome:
        folder = self.own_folder(setting)
        if self._before:
            self._before(folder)
        result = process.run(setting.launch, self.command, allocator, folder=folder,
                             environment=self.environment(setting, live_file),
                             limit=setting.limit, sample=sample, judge=live is None,
                             preload=live)
        result.seconds = result.wall
        if not result.failure and live is None and result.served not in ("", allocator.path):
            result.failure = f"refused, its malloc is that of {result.served}"
        return result


def _no_database(folder: str) -> None:
    shutil.rmtree(os.path.join(folder, "db"), ignore_errors=True)


def all_rows() -> List[Row]:
    """In the order of the table. An @ in a command is the row's folder."""
    return [
        *redis_rows(find_program),
        Real("sqlite3", True, "a database in memory: inserts, an index, joins, sorting, groups",
             "sqlite3 -batch :memory: '.read @/script.sql'",
             inputs.sqlite),
        Real("python3", True, "objects, dictionaries, strings and json, all on malloc",
             "python3 -S -s @/work.py", inputs.python),
        Real("perl", False, "hashes, lists, strings, regular expressions",
             "perl @/work.pl", inputs.perl),
        Real("lua5.4", False, "tables, strings and closures under lua's collector",
             "lua5.4 @/work.lua", inputs.lua),
        Real("gcc-O2", True, "the C compiler with its optimizer",
             "gcc -O2 -w -c -o /dev/null @/work.c", inputs.c_source),
        Real("z3", False, "a solver of logic: bit vectors and linear arithmetic",
             "z3 @/work.smt2", inputs.smt2),
        Real("rocksdb", False, "an embedded database: writes, then reads by two threads",
             "db_bench --benchmarks=fillrandom,readrandom,readseq --num=45000 --value_size=120"
             " --threads=2 --seed=1 --compression_type=none --disable_wal=1"
             " --write_buffer_size=8388608 --db=@/db",
             inputs.nothing, before=_no_database, same_output=False),
        Real("gs", False, "Ghostscript: curves, text and patterns to PDF",
             "gs -q -dNOPAUSE -dBATCH -dSAFER -sDEVICE=pdfwrite -sOutputFile=@/out.pdf @/work.ps",
             inputs.postscript),
        Real("git-gc", False, "git packs a repository anew",
             "git -C @/repo -c pack.threads=2 -c pack.window=20 repack -a -d -f -q",
             inputs.git_repository),
        Real("git-log", True, "git shows a history with patches, renames sought",
             "git -C @/repo log -p -M -C --stat --no-color", inputs.git_repository),
    ]
