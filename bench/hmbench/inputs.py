"""The texts that real programs work on. Each function makes the same files every time."""

from __future__ import annotations

import os
import random
import subprocess
from typing import Iterator, List


def nothing(_: str) -> None:
    """For a program that makes its own data."""


def _write(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def sqlite(folder: str) -> None:
    _write(folder, "script.sql", """
CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, v TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 170000)
INSERT INTO t SELECT i, (i * 7919) % 100003,
    printf('value %d', i * 31 % 65537) || substr('abcdefghijklmnopqrstuvwxyz', 1, i % 27) FROM n;
CREATE INDEX t_k ON t (k);
CREATE INDEX t_v ON t (v, k);
SELECT count(*), sum(k), max(v) FROM t;
SELECT k % 100, count(*), length(group_concat(v)) FROM t GROUP BY k % 1000 ORDER BY 1, 2 LIMIT 20;
SELECT count(*) FROM t a JOIN t b ON a.k = b.id;
UPDATE t SET v = v || ' more' WHERE id % 5 = 0;
DELETE FROM t WHERE id % 3 = 0;
SELECT v FROM t ORDER BY v DESC, id LIMIT 3;
SELECT length(json_group_array(json_object('k', k, 'v', v))) FROM t WHERE id % 4 = 0;
""")


def python(folder: str) -> None:
    _write(folder, "work.py", """
import json

class Node:
    __slots__ = ("key", "left", "right", "text")
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None
        self.text = "node %d" % key

x = 1
def number():
    global x
    x = x * 16807 % 2147483647
    return x

root = Node(1 << 30)
for _ in range(60000):
    key, at = number(), root
    while True:
        side = "left" if key < at.key else "right"
        below = getattr(at, side)
        if below is None:
            setattr(at, side, Node(key))
            break
        at = below
rows = [{"id": i, "key": number() % 9973, "words": ["w%d" % (number() % 5003) for _ in range(5)]}
        for i in range(45000)]
text = json.dumps(rows)
back = json.loads(text)
groups = {}
for r in back:
    groups.setdefault(r["key"], []).append((r["id"], " ".join(r["words"])))
count = {}
for r in back:
    for w in r["words"]:
        count[w] = count.get(w, 0) + 1
window = []
for i in range(300000):
    window.append(str(number()) + "x" * (i % 50))
    if len(window) > 20000:
        del window[:7000]
print(len(text), len(groups), max(count.values()), sum(len(w) for w in window))
""")


def perl(folder: str) -> None:
    _write(folder, "work.pl", r"""
use strict; use warnings;
my $x = 1;
sub number { $x = $x * 16807 % 2147483647; return $x }
my (%by, %count, @keep);
for my $i (1 .. 120000) {
    my @w = map { "w" . number() % 5003 } 1 .. 4;
    my $line = join " ", $i, @w;
    my @f = split / /, $line;
    push @{$by{$f[1]}}, [@f[0, 2]] unless $i % 3;
    $count{$_}++ for @f[1 .. 4];
    $line =~ s/w(\d)(\d*)/$2-$1/g;
    push @keep, $line;
    splice @keep, 0, 30000 if @keep > 90000;
}
my @s = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $t = join ",", map { @{$_->[0]} } values %by;
print "$s[0] $count{$s[0]} ", length $t, " ", scalar(@keep), " $keep[17]\n";
""")


def lua(folder: str) -> None:
    _write(folder, "work.lua", """
local x = 1
local function number() x = x * 16807 % 2147483647 return x end
local function tree(depth)
  if depth == 0 then return { value = number() } end
  return { left = tree(depth - 1), right = tree(depth - 1), name = "n" .. number() % 1000 }
end
local function sum(t)
  if t.value then return t.value % 7 end
  return sum(t.left) + sum(t.right) + #t.name
end
local total = 0
local long = tree(16)
for i = 1, 16 do total = total + sum(tree(13)) end
local words, list = {}, {}
for i = 1, 500000 do
  local w = "word " .. number() % 40009
  words[w] = (words[w] or 0) + 1
  list[#list + 1] = function() return w .. i end
  if #list > 40000 then
    for k = 1, #list, 10 do total = total + #list[k]() end
    list = {}
  end
end
local parts = {}
for w, n in pairs(words) do parts[#parts + 1] = w .. "=" .. n end
table.sort(parts)
print(total + sum(long), #table.concat(parts, ","))
""")


def c_source(folder: str) -> None:
    _write(folder, "work.c", "\n".join(_c_functions(random.Random(3), 85)))


def _c_functions(r: random.Random, number: int) -> Iterator[str]:
    """Functions with loops, switches, arrays and calls of each other."""
    yield "struct node { struct node *next; long key; double weight; int data[8]; };"
    for i in range(number):
        yield (f"static long f{i}(struct node *n, long a, long b)\n{{\n"
               "\tlong s = a, t[16] = { b };")
        for k in range(r.randrange(2, 7)):
            callee = f"f{r.randrange(i)}(n->next, s, {k})" if i else "s"
            c, d = r.randrange(3, 99), r.randrange(1, 16)
            yield r.choice([
                f"\tfor (int i = 0; i < {c}; i++) {{ s += t[i & 15] * {d}; t[(i + s) & 15] ^= s;"
                f" n->data[i & 7] += (int)(s >> {d}); }}",
                f"\tswitch ((s + {c}) & 7) {{ case 0: s += {callee}; break; case 1: s ^= b << {d};"
                f" case 2: n->weight *= {c}.5; break; case 5: return s - n->key; default: s++; }}",
                f"\twhile (n->next && n->key < s) {{ n = n->next; s -= n->key / {c};"
                f" n->weight += (double)s / {d}; }}",
                f"\tif (s % {c} > {d}) s = {callee} + t[{d}]; else t[s & 15] = b * {c};",
                f"\tfor (int i = 0; i < {d}; i++) for (int k = i; k < 16; k++)"
                f" t[k] = t[k] * t[i] + (t[i] > {c} ? s : -s);",
            ])
        yield "\tfor (int i = 0; i < 16; i++) s = s * 31 + t[i];\n\treturn s;\n}\n"
    calls = " + ".join(f"f{i}(n, a, {i})" for i in range(0, number, 3))
    yield f"long all(struct node *n, long a)\n{{\n\treturn {calls};\n}}"


def smt2(folder: str) -> None:
    """A product of two primes to be split, and jobs to be put on machines."""
    r = random.Random(11)
    jobs, machines, horizon = 9, 4, 60
    lines = ["(declare-const p (_ BitVec 28))", "(declare-const q (_ BitVec 28))", "(push)",
             f"(assert (= (bvmul p q) (_ bv{7853 * 8111} 28)))",
             "(assert (bvugt p (_ bv1 28)))", "(assert (bvult p (_ bv16384 28)))",
             "(assert (bvule p q))", "(assert (bvult q (_ bv16384 28)))", "(check-sat)", "(pop)"]
    length = [[r.randrange(2, 9) for _ in range(machines)] for _ in range(jobs)]
    for j in range(jobs):
        order = r.sample(range(machines), machines)
        for m in range(machines):
            lines.append(f"(declare-const s{j}_{m} Int)")
            lines.append(f"(assert (and (>= s{j}_{m} 0)"
                         f" (<= (+ s{j}_{m} {length[j][m]}) {horizon})))")
        for a, b in zip(order, order[1:]):
            lines.append(f"(assert (<= (+ s{j}_{a} {length[j][a]}) s{j}_{b}))")
    for m in range(machines):
        for j in range(jobs):
            for k in range(j):
                lines.append(f"(assert (or (<= (+ s{j}_{m} {length[j][m]}) s{k}_{m})"
                             f" (<= (+ s{k}_{m} {length[k][m]}) s{j}_{m})))")
    _write(folder, "work.smt2", "\n".join([*lines, "(check-sat)", ""]))


def postscript(folder: str) -> None:
    _write(folder, "work.ps", """%!PS
/seed 1 def
/number { /seed seed 1103 mul 12345 add 1048573 mod def seed 4 idiv exch mod } def
/page { % n
  /n exch def
  /Times-Roman findfont 9 scalefont setfont
  0 1 170 { /i exch def
    40 500 number add 40 720 number add moveto
    (line ) show n 20 string cvs show ( of ) show i 20 string cvs show
  } for
  0 1 400 { pop
    newpath 600 number 800 number moveto
    5 { 600 number 800 number 600 number 800 number 600 number 800 number curveto } repeat
    100 number 100 div 100 number 100 div 100 number 100 div setrgbcolor
    2 number 0 eq { 0.3 setlinewidth stroke } { gsave clip newpath
      0 0 moveto 600 800 lineto stroke grestore } ifelse
  } for
  /words 200 dict def
  0 1 180 { dup 20 string cvs cvn exch 40 string words 3 1 roll put } for
  showpage
} def
1 1 5 { page } for
""")


def git_repository(folder: str) -> None:
    """A history of files that change, move and go, made by git fast-import."""
    repository = os.path.join(folder, "repo")
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": folder,
                   "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words: str, text: str = "") -> None:
        done = subprocess.run(["git", *words], input=text.encode(), env=environment,
                              capture_output=True, check=False)
        if done.returncode != 0:
            why = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise OSError(done.returncode, f"git {words[0]}: {why[0]}")

    git("init", "-q", repository)
    git("-C", repository, "fast-import", "--quiet", "--force", text="".join(_history(500)))
    git("-C", repository, "symbolic-ref", "HEAD", "refs/heads/main")
    # packed as the row packs it, so that its first run finds what all the others find
    git("-C", repository, "-c", "pack.threads=2", "-c", "pack.window=20",
        "repack", "-a", "-d", "-f", "-q")


def _history(commits: int) -> Iterator[str]:
    r = random.Random(5)
    files = {f"folder{i % 12}/file{i}.txt": _lines(r, 150) for i in range(120)}
    for i in range(commits):
        message = f"change {i}\n"
        yield (f"commit refs/heads/main\ncommitter A <a@localhost> {1600000000 + i * 60} +0000\n"
               f"data {len(message)}\n{message}")
        changed: List[str] = []
        if i == 0:
            changed = sorted(files)
        else:
            for name in r.sample(sorted(files), 6):
                lines = files[name]
                for _ in range(r.randrange(1, 9)):
                    lines[r.randrange(len(lines))] = _lines(r, 1)[0]
                at = r.randrange(len(lines))
                lines[at:at] = _lines(r, r.randrange(6))
                changed.append(name)
            if i % 9 == 0:
                old = changed.pop()
                new = f"folder{i % 12}/moved{i}.txt"
                files[new] = files.pop(old)
                yield f"D {old}\n"
                changed.append(new)
        for name in changed:
            text = "".join(files[name])
            yield f"M 644 inline {name}\ndata {len(text)}\n{text}\n"


def _lines(r: random.Random, number: int) -> List[str]:
    return [" ".join(f"word{r.randrange(3000)}" for _ in range(r.randrange(3, 12))) + "\n"
            for _ in range(number)]
