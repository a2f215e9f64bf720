#!/bin/bash
# hakmem-doctor: what it says of made-up systems, of files that are absent, closed, malformed and
# huge, and of real processes.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
tool=$HM_BUILDDIR/hakmem-doctor
[ -x "$tool" ] || hard_error "no program at $tool"
box=$tmp/box
proc=$box/proc/77

go() { run "$tool" --root "$box" --library /lib/libhakmem.so.1 "$@"; }

# says NAME STATUS LINE...: the last run ended so, silently on stderr, and has lines that begin so.
says() {
	local name=$1 wanted=$2 line missing=
	shift 2
	for line; do
		awk -v l="$line" 'index($0, l) == 1 { f = 1 } END { exit !f }' "$tmp/out" || missing+="$line"$'\n'
	done
	if [ "$status" = "$wanted" ] && [ ! -s "$tmp/err" ] && [ -z "$missing" ]; then ok "$name"; else
		{ echo "exit status $status, wanted $wanted and: $missing"
			cat "$tmp/err" "$tmp/out"; } >"$tmp/why"
		bad "$name" "$tmp/why"
	fi
}

# cannot NAME TEXT: status 2, one line that has TEXT, nothing printed.
cannot() {
	if [ "$status" = 2 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && [ ! -s "$tmp/out" ] &&
		grep -qF -- "$2" "$tmp/err"; then
		ok "$1"
	else
		{ echo "exit status $status, wanted 2 and a line with: $2"
			cat "$tmp/err" "$tmp/out"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}

put() { # FILE TEXT, below the box
	mkdir -p "$(dirname "$box/$1")"
	printf '%b' "$2" >"$box/$1"
}

# A machine without a fault.
machine() {
	rm -rf "$box"
	mkdir -p "$box/lib" "$box/etc" "$box/run"
	cp "$lib" "$box/lib/libhakmem.so.1"
	put sys/kernel/mm/transparent_hugepage/enabled 'always [madvise] never\n'
	put proc/sys/vm/overcommit_memory '0\n'
	put proc/sys/vm/max_map_count '65530\n'
	put proc/self/limits 'Max address space  unlimited  unlimited  bytes\n'
	put proc/self/cgroup '0::/a/b\n'
	put sys/fs/cgroup/a/memory.max 'max\n'
}

# number 77 in it, with the library in it.
process() {
	machine
	put proc/77/stat "77 (a) b) S 1$(printf ' 0%.0s' {1..17}) 1234 0 0\n"
	put proc/77/status 'Name:\tx\nNoNewPrivs:\t0\nSeccomp:\t0\n'
	put proc/77/maps "10-20 r-xp 0 0:0 1    /bin/x\n30-40 r-xp 0 0:0 1    /lib/libhakmem.so.1\n"
	put proc/77/environ 'A=b\0LD_PRELOAD=/lib/libhakmem.so.1\0'
	put proc/77/limits 'Max address space  unlimited  unlimited  bytes\n'
	put proc/77/cgroup '0::/a/b\n'
	put proc/77/attr/current 'unconfined\n'
	put bin/x ''
	cp /bin/sh "$box/bin/x"
	ln -s /bin/x "$proc/exe"
}

auxv() { # VALUE of AT_SECURE, in a process of 64 bits
	printf '\x17\0\0\0\0\0\0\0\x'"$1"'\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >"$proc/auxv"
}

the_machine() {
	local version
	version=$(sed -n 's/^#define HAKMEM_VERSION_STRING "\(.*\)"/\1/p' "$HM_SRCDIR/include/hakmem.h")
	machine
	go
	says "a machine without a fault" 0 "ok: /lib/libhakmem.so.1: version $version headerless=" \
		"ok: /etc/ld.so.preload names nothing" "ok: transparent huge pages: always [madvise]" \
		"ok: vm.overcommit_memory is 0" "ok: vm.max_map_count is 65530" "ok: RLIMIT_AS: no limit" \
		"ok: the control group sets no limit"
	grep -qvE '^ok: ' "$tmp/out" && bad "only good findings" "$tmp/out" || ok "only good findings"
	rm "$box/lib/libhakmem.so.1"
	go
	says "no library" 1 "problem: /lib/libhakmem.so.1: the library is not there; cure: "
	head -c 2000 "$lib" >"$box/lib/libhakmem.so.1"
	go
	says "half a library" 1 "problem: /lib/libhakmem.so.1: not hakmem's library, or damaged"
	cp /bin/sh "$box/lib/libhakmem.so.1"
	go
	says "another file" 1 "problem: /lib/libhakmem.so.1: not hakmem's library"
	sed 's/hakmem-build: [0-9.]* /hakmem-build: 9.9.9 /' "$lib" >"$box/lib/libhakmem.so.1"
	go
	says "of another version" 0 "note: /lib/libhakmem.so.1: version 9.9.9 "
	machine
	put etc/ld.so.preload '# list\n/lib/libhakmem.so.1 /gone/a.so\n/lib/b.so:c.so /usr/$LIB/libhakmem.so.1 '
	put lib/b.so ''
	put usr/lib64/libhakmem.so.1 ''
	go
	says "the loader's list" 1 "ok: /etc/ld.so.preload names /lib/libhakmem.so.1: every" \
		"problem: /etc/ld.so.preload names /gone/a.so, which is not there" \
		"ok: /etc/ld.so.preload names /lib/b.so" "note: /etc/ld.so.preload names c.so without a folder" \
		'ok: /etc/ld.so.preload names /usr/$LIB/libhakmem.so.1: every'
	put etc/ld.so.preload '/lib/libjemalloc.so.2\n/lib/libhakmem.so.1\n'
	put lib/libjemalloc.so.2 ''
	go
	says "an allocator before it" 1 "note: /etc/ld.so.preload names /lib/libjemalloc.so.2: another allocator, jemalloc" \
		"problem: /etc/ld.so.preload names /lib/libhakmem.so.1 behind jemalloc"
	head -c 100000 /dev/zero | tr '\0' '#' >"$box/etc/ld.so.preload"
	go
	says "a list that is huge" 1 "problem: /etc/ld.so.preload is longer than 65535 bytes"
	put etc/ld.so.preload '/lib/\0302\0233\0233\0033\0302\0240\0303\0251.so\n'
	go
	says "names that would do something to a terminal" 1 \
		$'problem: /etc/ld.so.preload names /lib/????\xc2\xa0\xc3\xa9.so'
	rm "$box/etc/ld.so.preload" && mkfifo "$box/etc/ld.so.preload"
	go
	says "a list that is a pipe" 1 "problem: /etc/ld.so.preload makes no sense"
}

the_kernel() {
	local value
	machine
	put sys/kernel/mm/transparent_hugepage/enabled 'always madvise [never]\n'
	put proc/sys/vm/overcommit_memory '2\n'
	put proc/sys/vm/max_map_count '1000\n'
	put proc/self/limits 'x\nMax address space         4096            4096     bytes\n'
	put sys/fs/cgroup/a/memory.max '1048576\n'
	put sys/fs/cgroup/a/b/memory.high '4096\n'
	go
	says "settings that matter" 0 "note: transparent huge pages are switched off; cure: echo" \
		"note: vm.overcommit_memory is 2" "note: vm.max_map_count is 1000, less" \
		"note: RLIMIT_AS: 4096 bytes" "note: the control group's memory.max is 1048576 bytes" \
		"note: the control group's memory.high is 4096 bytes"
	for value in '' '\n' 'x\n' '-1\n' '99999999999999999999\n' '\0001\0377'; do
		machine
		for file in sys/kernel/mm/transparent_hugepage/enabled proc/sys/vm/overcommit_memory \
			proc/sys/vm/max_map_count proc/self/limits sys/fs/cgroup/a/memory.max; do
			put $file "$value"
		done
		go
		says "files that hold '$value'" 0 \
			"note: /sys/kernel/mm/transparent_hugepage/enabled makes no sense" \
			"note: vm.overcommit_memory makes no sense" "note: vm.max_map_count makes no sense" \
			"note: /proc/self/limits makes no sense"
		# A number that is too large is none.
		[ ${#value} -gt 20 ] || says "so does the control group's" 0 "note: 1 files of the control group hold no limit"
	done
	machine
	rm -r "$box/proc" "$box/sys"
	go
	says "no /proc, no /sys" 0 "note: the kernel has no transparent huge pages" \
		"note: vm.overcommit_memory is not there" "note: /proc/self/limits is not there" \
		"ok: no control group of version 2"
}

the_configuration() {
	local conf
	machine
	go
	conf=$(sed -n 's/^ok: no \(.*\): all options are.*/\1/p' "$tmp/out")
	[ -n "$conf" ] || { bad "the configuration's path" "$tmp/out"; return; }
	put "$conf" 'dirty_max = 8M\n[proc:sort]\nthp = never\n[proc:/bin/x]\ndirty_max = 1M\n'
	go --program /usr/bin/sort
	says "the lines for a program by name" 0 "ok: $box$conf: every line is understood" \
		"ok: for /usr/bin/sort: dirty_max = 8388608 ($box$conf:1)" \
		"ok: for /usr/bin/sort: thp = never ($box$conf:3)"
	go --program /bin/x
	says "by path" 0 "ok: for /bin/x: dirty_max = 1048576 ($box$conf:5)"
	grep -q 'thp' "$tmp/out" && bad "only its own" "$tmp/out" || ok "only its own"
	go --program /bin/hakmem-doctor
	says "a program's name, not ours" 0 "ok: for /bin/hakmem-doctor: dirty_max = 8388608"
	put "$conf" 'dirty_max = lots\nnonsense\n[proc:sort]\nnosuch = 1\n[x]\na\001b = 1\ninclude /etc/more.conf\n[proc:a]\ninclude /etc/more.conf\n'
	put etc/more.conf 'thp = often\n'
	go
	says "bad lines, in any section" 1 "problem: $box$conf:1: lots: dirty_max is not a number" \
		"problem: $box$conf:2: not key = value; cure: " "problem: $box$conf:4: nosuch: no such option" \
		"problem: $box$conf:5: not [proc:name]" "problem: $box$conf:6: has a control character" \
		"problem: $box/etc/more.conf:1: often: thp is not one of"
	put "$conf" "$(printf 'x\\n%.0s' {1..9000})"
	go
	says "more bad lines than anybody reads" 1 "problem: $box$conf:1: not key = value"
	put "$conf" 'thp = never\n'
	chmod o+w "$box$conf"
	go
	says "a file that all may write" 0 "note: $box$conf: not owned by root, or others may write to it: secure"
	put "$conf" 'mode = passthrough\n'
	go --program /bin/x
	says "a program that is left to glibc" 0 "note: for /bin/x: mode = passthrough ($box$conf:1)"
	head -c 3000000 /dev/urandom >"$box$conf"
	go
	[ "$status" = 1 ] && [ ! -s "$tmp/err" ] && [ "$(wc -l <"$tmp/out")" -lt 420 ] &&
		ok "three megabytes of garbage" || bad "three megabytes of garbage: $status" "$tmp/err"
	rm "$box$conf" && mkdir "$box$conf"
	go
	says "a folder" 1 "problem: $box$conf: not a regular file"
}

a_process() {
	process
	go 77
	says "a process with the library" 0 "ok: hakmem is in the process: /lib/libhakmem.so.1, version " \
		"ok: LD_PRELOAD=/lib/libhakmem.so.1" "ok: 2 mappings of 65530" "ok: for /bin/x: "
	put proc/77/maps "30-40 r-xp 0 0:0 1    /lib/libhakmem.so.1 (deleted)\n50-60 r-xp 0 0:0 1  /x/libtcmalloc_minimal.so.4\n"
	go 77
	says "an upgraded library, and another allocator" 1 \
		"note: hakmem is in the process: /lib/libhakmem.so.1, which has been replaced" \
		"problem: another allocator is in the process: tcmalloc, /x/libtcmalloc_minimal.so.4"
	put proc/77/maps '10-20 r-xp 0 0:0 1    /bin/x\n'
	go 77
	says "the loader did not" 1 "problem: hakmem is not in the process: LD_PRELOAD names it, but"
	put proc/77/attr/current '/bin/x (enforce)\n'
	go 77
	says "AppArmor" 1 "note: it is confined as /bin/x (enforce); cure: " \
		"problem: hakmem is not in the process: its confinement"
	auxv 01
	go 77
	says "secure execution" 1 "note: secure execution" \
		"problem: hakmem is not in the process: secure execution ignores LD_PRELOAD"
	auxv 00
	chmod u+s "$box/bin/x"
	go 77
	grep -q 'secure execution' "$tmp/out" && bad "what the kernel said counts more" "$tmp/out" ||
		ok "what the kernel said counts more"
	rm "$proc/auxv"
	go 77
	says "a set-user-ID file, where nothing else is known" 1 "note: secure execution"
	put proc/77/environ 'HAKMEM_MODE=passthrough\0'
	chmod u-s "$box/bin/x"
	go 77
	says "not asked for" 1 "problem: hakmem is not in the process: nothing asked for it" \
		"note: HAKMEM_MODE=passthrough: hakmem leaves"
	put proc/77/environ 'HAKMEM_THP=often\0HAKMEM_STATS=1\0HAKMEM_LEARN=1\0HAKMEM_CLASSES=3\0HAKMEM_\0'
	go 77
	says "options in its environment" 1 "problem: HAKMEM_THP=often: not a value of thp" \
		"ok: HAKMEM_STATS=1" "ok: HAKMEM_LEARN=1" "problem: HAKMEM_CLASSES=3: no such option"
	put proc/77/status 'Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\n'
	put proc/sys/vm/max_map_count '1\n'
	go 77
	says "seccomp, NoNewPrivs, mappings" 1 "note: seccomp is in mode 2" "ok: NoNewPrivs" \
		"problem: 1 mappings, and vm.max_map_count is 1;"
	process
	put proc/77/maps '10-20 r-xp 0 0:0 1    /bin/x\n'
	mkdir -p "$proc/ns" "$box/proc/self/ns" "$proc/root"
	ln -s 'mnt:[1]' "$proc/ns/mnt"
	ln -s 'mnt:[2]' "$box/proc/self/ns/mnt"
	go 77
	says "another mount namespace" 1 "note: it has a mount namespace of its own, without the library" \
		"problem: hakmem is not in the process: /lib/libhakmem.so.1 is not in its mount namespace"
}

bad_process() {
	local pid file
	machine
	for pid in '' 0 -- -1 1x 99999999999999999999 ' 1' 0x1; do
		[ "$pid" != -- ] || continue
		go -- "$pid"
		cannot "the process '$pid'" "not the number of a process"
	done
	go 77
	cannot "no such process" "process 77: there is none"
	go 77 78
	cannot "two processes" "more than one process: 78"
	go --program x
	cannot "a program by name" "x: not a full path"
	run "$tool" --root "$tmp/nowhere"
	cannot "no such root" "/nowhere: "
	for file in '' 'x\n' '77 (x\n' '77 (x) S 1 2 3\n' ') ) ) )\n'; do
		process
		put proc/77/stat "$file"
		go 77
		cannot "stat of '$file'" "process 77: stat makes no sense"
	done
	process
	sed -i 's/) S/) Z/' "$proc/stat"
	go 77
	cannot "a zombie" "process 77: it has ended"
	process
	rm "$proc/maps"
	go 77
	cannot "it ends meanwhile" "process 77: there is none, or it has ended"
	put proc/77/maps ''
	go 77
	cannot "the kernel's own" "process 77: it has no memory"
	process
	for file in exe environ limits cgroup attr/current status; do rm "$proc/$file"; done
	go 77
	says "little is known" 0 "ok: hakmem is in the process" "note: the program's file is not there" \
		"note: its environment is not there" "note: /proc/77/limits is not there"
	process
	for file in environ limits cgroup attr/current status; do head -c 300000 /dev/urandom >"$proc/$file"; done
	head -c 20000 /dev/urandom >"$box/bin/x"
	go 77
	[ "$status" -le 1 ] && [ ! -s "$tmp/err" ] && ! grep -q '[[:cntrl:]]' "$tmp/out" && ok "garbage" ||
		bad "garbage: $status" "$tmp/err"
	{ yes '10-20 r-xp 0 0:0 1  /bin/y' | head -n 200000; head -c 100000 /dev/zero | tr '\0' x; } >"$proc/maps"
	go 77
	says "200001 mappings" 1 "problem: 200001 mappings, and vm.max_map_count is 65530"
	if [ "$(id -u)" != 0 ]; then
		process
		chmod 0 "$proc/maps"
		go 77
		cannot "closed to us" "process 77: maps may not be read; be its user, or root"
	fi
}

json() {
	command -v python3 >/dev/null || { left_out "--json" "needs python3"; return; }
	process
	put proc/77/attr/current 'a"\\b\377 (enforce)\n'
	for arguments in '' 77; do
		# shellcheck disable=SC2086
		go --json $arguments
		python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
levels = [f["level"] for f in o["findings"]]
assert o["subject"] == (sys.argv[2] or "machine") and len(levels) > 4
assert o["problems"] == levels.count("problem") and set(levels) <= {"ok", "note", "problem"}
assert all(f["text"] and f["topic"] and "cure" in f for f in o["findings"])' "$tmp/out" "$arguments" \
			2>"$tmp/err" && ok "--json $arguments" || bad "--json $arguments" "$tmp/err"
	done
	run "$tool" --root "$box" --json >/dev/full
	run sh -c '"$0" --version >/dev/full' "$tool"
	cannot "a full disk" "cannot write"
}

until_runs() { # PID FILE
	local i
	for i in $(seq 200); do
		[ "$(readlink "/proc/$1/exe")" = "$2" ] && return
		sleep 0.05
	done
}

foreign_processes() {
	local pid
	cp "$(readlink -f "$(command -v sleep)")" "$tmp/other" && chown 65534 "$tmp/other" && chmod 4755 "$tmp/other"
	LD_PRELOAD=$lib "$tmp/other" 60 &
	pid=$!
	until_runs $pid "$tmp/other"
	run "$tool" -l "$lib" "$pid"
	if grep -q '^[0-9a-f].*libhakmem' "/proc/$pid/maps"; then
		left_out "a set-user-ID program" "the file system ignores that"
	else
		says "a set-user-ID program" 1 "note: secure execution" \
			"problem: hakmem is not in the process: secure execution ignores LD_PRELOAD"
	fi
	run setpriv --reuid=1000 --regid=1000 --clear-groups "$tool" -l "$lib" "$pid"
	cannot "of another user" "process $pid: maps may not be read; be its user, or root"
	kill "$pid"
	mkdir "$tmp/hidden" && cp "$lib" "$tmp/hidden/"
	LD_PRELOAD=$tmp/hidden/libhakmem.so.1 unshare -m sh -c \
		"mount -t tmpfs none '$tmp/hidden' && exec sleep 60" 2>/dev/null &
	pid=$!
	until_runs $pid "$(readlink -f "$(command -v sleep)")"
	run "$tool" -l "$tmp/hidden/libhakmem.so.1" "$pid"
	if [ "$status" = 2 ]; then left_out "a mount namespace" "it cannot be made"; else
		says "a mount namespace" 1 \
			"problem: hakmem is not in the process: $tmp/hidden/libhakmem.so.1 is not in its mount"
	fi
	kill "$pid" 2>/dev/null
}

real_processes() {
	local pid i bad=0
	cp "$lib" "$tmp/libhakmem-old.so.1"
	LD_PRELOAD=$tmp/libhakmem-old.so.1 sleep 60 &
	pid=$!
	for i in $(seq 200); do
		grep -q libhakmem-old "/proc/$pid/maps" 2>/dev/null && break
		sleep 0.05
	done
	run "$tool" -l "$lib" "$pid"
	says "a real process" 0 "ok: hakmem is in the process: $tmp/libhakmem-old.so.1, version "
	cp "$lib" "$tmp/new" && mv "$tmp/new" "$tmp/libhakmem-old.so.1"
	run "$tool" -l "$lib" "$pid"
	says "after an upgrade" 0 "note: hakmem is in the process: $tmp/libhakmem-old.so.1, which has been replaced"
	kill "$pid"
	wait "$pid" 2>/dev/null
	run "$tool" -l "$lib" "$pid"
	cannot "when it has ended" "process $pid: there is none"
	if printf '#include <stdlib.h>\n#include <unistd.h>\nint main(void) { void *p = malloc(9); return (int)sleep(60) + (p == NULL); }\n' >"$tmp/static.c" &&
		$CC -static -o "$tmp/static" "$tmp/static.c" 2>/dev/null; then
		LD_PRELOAD=$lib "$tmp/static" &
		pid=$!
		for i in $(seq 200); do
			[ "$(readlink "/proc/$pid/exe")" = "$tmp/static" ] && break
			sleep 0.05
		done
		run "$tool" -l "$lib" "$pid"
		says "a static program" 1 "problem: hakmem is not in the process: the program is static"
		kill "$pid"
	else
		left_out "a static program" "it does not link"
	fi
	if [ -f "$HM_STATIC_LIB" ] && $CC -static -o "$tmp/inside" "$tmp/static.c" "$HM_STATIC_LIB" 2>/dev/null; then
		"$tmp/inside" &
		pid=$!
		for i in $(seq 200); do
			[ "$(readlink "/proc/$pid/exe")" = "$tmp/inside" ] && break
			sleep 0.05
		done
		run "$tool" -l "$lib" "$pid"
		says "a static program that has it" 0 "ok: hakmem is in the process: $tmp/inside, version 0"
		kill "$pid"
	fi
	if [ "$(id -u)" = 0 ] && command -v setpriv unshare >/dev/null; then foreign_processes; else
		left_out "set-user-ID, other users, mount namespaces" "needs root"
	fi
	# Processes at every point of their life: a clear answer each.
	for i in $(seq "$([ -n "$fast" ] && echo 40 || echo 400)"); do
		LD_PRELOAD=$lib /bin/true &
		run "$tool" -l "$lib" $!
		case $status in
		0 | 1) [ ! -s "$tmp/err" ] || bad=$((bad + 1)) ;;
		2) [ "$(wc -l <"$tmp/err")" = 1 ] && [ ! -s "$tmp/out" ] || bad=$((bad + 1)) ;;
		*) bad=$((bad + 1)) ;;
		esac
	done
	wait
	[ $bad = 0 ] && ok "processes that end meanwhile" || bad "$bad of $i processes that end" "$tmp/err"
}

# Programs that bring along what stands in hakmem's way.
programs() {
	local pid
	printf '#include <stddef.h>\n#include <unistd.h>\nvoid *malloc(size_t n); void free(void *p);\nvoid *malloc(size_t n) { return n ? NULL : NULL; }\nvoid free(void *p) { (void)p; }\nint main(void) { return pause(); }\n' >"$tmp/own.c"
	printf '#include <unistd.h>\nint __asan_init(void);\nint __asan_init(void) { return 0; }\nint main(void) { return pause(); }\n' >"$tmp/asan.c"
	$CC -fno-builtin -rdynamic -o "$tmp/own" "$tmp/own.c" && $CC -rdynamic -o "$tmp/asan" "$tmp/asan.c" ||
		hard_error "no programs"
	run "$tool" -l "$lib" --program "$tmp/own"
	grep -qxF "note: $tmp/own: it brings a malloc of its own, which comes before hakmem's; cure: set mode = passthrough for it in hakmem.conf" \
		"$tmp/out" && ok "--program: a malloc of its own" || bad "--program: a malloc of its own" "$tmp/out"
	run "$tool" -l "$lib" --program "$tmp/asan"
	[ "$status" = 1 ] && grep -qF "problem: $tmp/asan: built with the address sanitizer" "$tmp/out" &&
		ok "--program: a sanitizer" || bad "--program: a sanitizer" "$tmp/out"
	run "$tool" -l "$lib" --program "$(readlink -f /bin/sh)"
	! grep -qE "malloc of its own|sanitizer" "$tmp/out" && ok "--program: an ordinary one" ||
		bad "--program: an ordinary one" "$tmp/out"
	LD_PRELOAD=$lib "$tmp/own" &
	pid=$!
	until_runs $pid "$tmp/own"
	run "$tool" -l "$lib" "$pid"
	says "a process with a malloc of its own" 0 "ok: hakmem is in the process" \
		"note: $tmp/own: it brings a malloc of its own"
	kill "$pid"
	process
	put usr/libexec/valgrind/memcheck-amd64-linux ''
	cp /bin/sh "$box/usr/libexec/valgrind/memcheck-amd64-linux"
	ln -sfn /usr/libexec/valgrind/memcheck-amd64-linux "$proc/exe"
	go 77
	says "valgrind" 0 "note: /usr/libexec/valgrind/memcheck-amd64-linux: valgrind puts its own malloc"
	put snap/x/1/bin/x ''
	cp /bin/sh "$box/snap/x/1/bin/x"
	ln -sfn /snap/x/1/bin/x "$proc/exe"
	go 77
	says "a snap" 0 "note: /snap/x/1/bin/x: of a snap, which"
}

the_machine
the_kernel
the_configuration
a_process
bad_process
json
real_processes
programs
finish
