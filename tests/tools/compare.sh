#!/bin/bash
# hakmem-run --compare: what runs on what, in which order, what is made of it, and what goes wrong.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
tool=$HM_BUILDDIR/hakmem-run
[ -x "$tool" ] || hard_error "no program at $tool"
cp "$lib" "$tmp/libother.so"
other=$tmp/libother.so

go() { run "$tool" --library "$lib" "$@"; } # [OPTION...] PROGRAM...

has() { # NAME STATUS FILE PATTERN...: the last run ended so, and FILE has a line for each
	local name=$1 wanted=$2 file=$3 pattern all=yes
	shift 3
	for pattern; do grep -qE -- "$pattern" "$file" || all=no; done
	if [ "$status" = "$wanted" ] && [ $all = yes ]; then
		ok "$name"
	else
		{ echo "exit status $status, wanted $wanted and in ${file##*/}: $*"
			cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$name" "$tmp/why"
	fi
}

# Each run writes down which allocator it got, and one byte of what it reads.
cat >"$tmp/note" <<'END'
#!/bin/sh
case ${LD_PRELOAD-} in *libother*) who=other ;; *libhakmem*) who=hakmem ;; *) who=glibc ;; esac
read -r line
echo "$who $line" >>"$1"
echo "said by $who"
END
chmod 755 "$tmp/note"

printf 'first\nsecond\n' >"$tmp/input"
: >"$tmp/notes"
run sh -c "'$tool' -l '$lib' --compare=3 --with '$other' '$tmp/note' '$tmp/notes' <'$tmp/input'"
expected='glibc hakmem other hakmem other glibc other glibc hakmem'
[ "$(cut -d' ' -f1 "$tmp/notes" | xargs)" = "$expected" ] && ok "the order changes with each round" ||
	bad "the order changes with each round" "$tmp/notes"
[ "$(cut -d' ' -f2 "$tmp/notes" | sort -u)" = first ] && ok "each run reads the file from its start" ||
	bad "each run reads the file from its start" "$tmp/notes"
tab=$'\t'
has "a line for each allocator" 0 "$tmp/out" \
	"^allocator${tab}wall_seconds${tab}ratio${tab}cpu_seconds${tab}ratio${tab}peak_mib${tab}ratio${tab}page_faults${tab}ratio$" \
	"^glibc$tab[0-9.]+${tab}[01]\.000" "^hakmem$tab" "^other$tab"
grep -q 'said by' "$tmp/out" && bad "what the program prints is dropped" "$tmp/out" ||
	ok "what the program prints is dropped"
[ -s "$tmp/err" ] && bad "nothing on stderr" "$tmp/err" || ok "nothing on stderr"

: >"$tmp/notes"
run sh -c "cat '$tmp/input' | '$tool' -l '$lib' -c2 --output '$tmp/said' '$tmp/note' '$tmp/notes'"
[ "$(xargs <"$tmp/notes")" = "glibc first hakmem first hakmem first glibc first" ] &&
	ok "each run reads the whole pipe" || bad "each run reads the whole pipe" "$tmp/notes"
[ "$(grep -c 'said by' "$tmp/said")" = 4 ] && ok "--output FILE" || bad "--output FILE" "$tmp/said"
go --compare=1 --output - "$tmp/note" "$tmp/notes"
has "--output -" 0 "$tmp/out" '^said by glibc' '^said by hakmem'

# Whoever starts it may ignore the ends of children.
if env --ignore-signal=CHLD true 2>/dev/null; then
	run timeout -s KILL 20 env --ignore-signal=CHLD "$tool" --library "$lib" --compare=1 true
	has "started with SIGCHLD ignored" 0 "$tmp/out" '^glibc' '^hakmem'
else
	left_out "started with SIGCHLD ignored" "needs env --ignore-signal"
fi

# What is measured is the program: memory that it touches and time that it takes.
if command -v python3 >/dev/null; then
	go -c1 --json python3 -c 'b = bytearray(64 << 20); b[::4096] = b"x" * len(b[::4096])'
	python3 - "$tmp/out" >"$tmp/why" 2>&1 <<-'END' && ok "--json, and what is in it" || bad "--json" "$tmp/why"
	import json, sys
	got = json.load(open(sys.argv[1]))
	rows = got["allocators"]
	assert got["rounds"] == 1 and [r["name"] for r in rows] == ["glibc", "hakmem"], got
	assert rows[0]["library"] is None and rows[1]["library"].endswith("libhakmem.so.1"), got
	for r in rows:
	    assert r["peak_mib"] > 64 and r["cpu_seconds"] > 0 and r["wall_seconds"] > 0, r
	    assert r["page_faults"] > 32, r
	assert abs(rows[1]["peak_mib_ratio"] - rows[1]["peak_mib"] / rows[0]["peak_mib"]) < .01, got
	END
else
	left_out "--json" "needs python3"
fi

go -c2 sh -c 'exit 3'
has "a program that fails everywhere alike" 0 "$tmp/out" ^hakmem
go -c1 sh -c 'case $LD_PRELOAD in *libhakmem*) echo one >&2; echo "no heap" >&2; exit 5 ;; esac'
has "one that fails on hakmem" 1 "$tmp/err" \
	'^hakmem-run: round 1 on hakmem: exit 5, not exit 0: no heap$'
go -c1 sh -c 'kill -SEGV $$'
has "one that crashes" 1 "$tmp/err" 'round 1 on glibc: signal 11' 'round 1 on hakmem: signal 11'

run env LD_PRELOAD="$lib" "$tool" -l "$lib" -c1 true
has "nothing to compare when all runs on hakmem" 125 "$tmp/err" 'runs on hakmem already'
go -c1 --with "$tmp/nosuch.so" true
has "a further library that is not there" 125 "$tmp/err" 'nosuch.so: no library'
echo text >"$tmp/text.so"
go -c1 --with "$tmp/text.so" true
has "a further library that is none" 125 "$tmp/err" 'text.so: not a shared library'
printf 'extern void nosuch_function(void); void f(void) { nosuch_function(); }\n' >"$tmp/needs.c"
printf 'void nosuch_function(void) {}\n' >"$tmp/gone.c"
if $CC -shared -fPIC -o "$tmp/libgone.so" "$tmp/gone.c" &&
	$CC -shared -fPIC -o "$tmp/needs.so" "$tmp/needs.c" -L"$tmp" -lgone && rm "$tmp/libgone.so"; then
	go -c1 --with "$tmp/needs.so" true
	has "a further library that lacks another" 125 "$tmp/err" 'needs.so: the loader does not load it'
else
	bad "a further library that lacks another: cannot be made"
fi
for n in 0 -1 x 1001 ''; do
	go --compare="$n" true
	has "--compare=$n" 125 "$tmp/err" 'not a number from 1 to 1000'
done
for o in "--with $other" "--output x" --json; do
	go $o true
	has "$o without --compare" 125 "$tmp/err" 'need --compare'
done
go -c1 --no-inherit true
has "--compare and --no-inherit" 125 "$tmp/err" 'exclude each other'
with=()
for i in $(seq 15); do with+=(--with "$other"); done
go -c1 "${with[@]}" true
has "too many libraries" 125 "$tmp/err" 'more than 14 libraries'
go -c1 --output "$tmp/nosuch/file" true
has "an output that cannot be opened" 125 "$tmp/err" 'nosuch/file: No such file'
run sh -c "'$tool' -l '$lib' -c1 true >/dev/full"
has "a full disk" 125 "$tmp/err" 'cannot write'

# Interrupted: what it started ends, too, and complete rounds are shown.
cat >"$tmp/sleeper" <<'END'
#!/bin/sh
echo $$ >>"$1"
[ "$(wc -l <"$1")" -le 2 ] || sleep 1000
END
chmod 755 "$tmp/sleeper"
interrupt() { # SIGNAL STATUS
	local i pid child
	: >"$tmp/pids"
	"$tool" -l "$lib" -c3 "$tmp/sleeper" "$tmp/pids" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	for i in $(seq 600); do
		[ "$(wc -l <"$tmp/pids")" -lt 3 ] || break
		sleep 0.1
	done
	kill -"$1" $pid
	wait $pid
	status=$?
	child=$(sed -n 3p "$tmp/pids")
	has "ended by SIG$1" "$2" "$tmp/out" '^glibc' '^hakmem'
	[ -n "$child" ] && ! kill -0 "$child" 2>/dev/null && ok "with what it started" ||
		bad "with what it started" "$tmp/pids"
}
# A background job of a script ignores SIGINT, and so would what it starts.
interrupt TERM 143
set -m
interrupt INT 130
set +m

if command -v script >/dev/null; then
	run script -qec "'$tool' -l '$lib' -c1 true" /dev/null
	tr -d '\r' <"$tmp/out" | sed 's/\x1b\[K//g' >"$tmp/table"
	has "a table on a terminal, and progress" 0 "$tmp/table" 'run 1 of 2' 'medians of 1 round,' \
		'^ +wall s +user\+system s +peak MiB +page faults$' '^hakmem +[0-9.]+ '
else
	left_out "a table on a terminal" "needs script"
fi
finish
