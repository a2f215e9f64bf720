#!/bin/bash
# hakmem-ctl: what it finds, what processes answer, what it says of those that cannot, and that none
# of them notices.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
tool=$HM_BUILDDIR/hakmem-ctl
[ -x "$tool" ] || hard_error "no program at $tool"
src=$HM_SRCDIR/tests/tools
compile ctl_host
host=$tmp/ctl_host
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT

# begin NAME [VARIABLE=VALUE...] COMMAND...: in the background, with the library, until it is ready:
# pid, and its output in $tmp/NAME.said.
begin() {
	local name=$1 i
	shift
	: >"$tmp/$name.said" # one of that name may have been ready before
	env LD_PRELOAD="$lib" "$@" >"$tmp/$name.said" 2>&1 </dev/null &
	pid=$!
	for i in $(seq 600); do
		grep -q '^ready' "$tmp/$name.said" && return
		sleep 0.05
	done
	bad "$name begins" "$tmp/$name.said"
}
# After `ready` the helper may still be on its way.
exposed() { # NAME COMMAND...
	local name=$1 i
	shift
	begin "$name" HAKMEM_EXPOSE=yes "$@"
	for i in $(seq 600); do
		"$tool" list | grep -q "^$pid	.*	exposed	" && return
		sleep 0.05
	done
	bad "$name is exposed" "$("$tool" list)"
}
finish_one() { # its exit status in `status`
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	status=$?
}

ctl() { run "$tool" "$@"; }

# says NAME STATUS TEXT: the last run ended so, with one line on stderr that has TEXT, and no output.
says() {
	if [ "$status" = "$2" ] && [ "$(wc -l <"$tmp/err")" = 1 ] && [ ! -s "$tmp/out" ] &&
		grep -q -- "^hakmem-ctl: .*$3" "$tmp/err"; then
		ok "$1"
	else
		{ echo "exit status $status, wanted $2 and a line with: $3"
			cat "$tmp/err" "$tmp/out"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}
shows() { # NAME PATTERN: status 0, silent on stderr, a line like that on stdout
	if [ "$status" = 0 ] && [ ! -s "$tmp/err" ] && grep -qE -- "$2" "$tmp/out"; then ok "$1"; else
		{ echo "exit status $status, wanted 0 and a line like: $2"
			cat "$tmp/err" "$tmp/out"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}
usage() { # NAME TEXT ARGUMENT...: status 2, and TEXT before what --help is for
	local name=$1 text=$2
	shift 2
	ctl "$@"
	if [ "$status" = 2 ] && [ ! -s "$tmp/out" ] && grep -q "^hakmem-ctl: .*$text" "$tmp/err"; then
		ok "$name"
	else
		bad "$name: exit status $status" "$tmp/err"
	fi
}

the_command_line() {
	usage "no command" "no command"
	usage "no process" "x: not the number" x stats
	usage "process 0" "0: not the number" 0 stats
	usage "a huge process" "99999999999: not the number" 99999999999 stats
	usage "no command for it" "no command for process 1" 1
	usage "an unknown one" "stast: no such command" 1 stast
	usage "more than it takes" "stats: too many" 1 stats x
	usage "less than it takes" "set: what is missing" 1 set
	usage "no KEY=VALUE" "set dirty_max: not KEY=VALUE" 1 set dirty_max
	usage "no part of profile" "profile x: not start" 1 profile x
	usage "profile start takes nothing" "profile start: too many" 1 profile start x
	usage "profile dump without a file" "profile dump: to what file" 1 profile dump
	usage "an unknown option" "" --nosuch list
	usage "no seconds" "timeout x: not a number" --timeout x list
	usage "0 seconds" "interval 0: not a number" -i 0 top
	usage "no end" "iterations 0: not a number" -n 0 top
	run sh -c '"$0" --help >/dev/full' "$tool"
	says "a full disk" 2 "cannot write"
	ctl --version
	shows "--version" "^hakmem-ctl \(hakmem\) [0-9.]+$"
}

found() {
	local v old served
	v=$(sed -n 's/^#define HAKMEM_VERSION_STRING "\(.*\)"/\1/p' "$HM_SRCDIR/include/hakmem.h")
	begin plain "$host" hold
	old=$pid
	exposed served "$host" hold
	ctl list
	shows "list: a process" "^$old	$v	[a-z-]+	hakmem	[0-9]+	[0-9]+	current	ctl_host$"
	shows "list: an exposed one" "^$pid	$v	[a-z-]+	exposed	[0-9]+	[0-9]+	current	ctl_host$"
	grep -q "^$$	" "$tmp/out" && bad "list: nothing else" "$tmp/out" || ok "list: nothing else"
	cp "$lib" "$tmp/new" && mv "$tmp/new" "$lib"
	ctl list
	shows "list: its file was replaced" "^$old	$v	[a-z-]+	hakmem	[0-9]+	[0-9]+	replaced	ctl_host$"
	ctl "$pid" get stats
	shows "a command to one whose file is gone" '^off$'
	served=$pid
	cp "$host" "$tmp/$(printf 'C1\302\233x')"
	begin strange "$tmp/$(printf 'C1\302\233x')" hold
	ctl list
	shows "list: no control of a terminal's in a name" "^$pid	.*	C1\?\?x$"
	finish_one
	pid=$served
	if command -v python3 >/dev/null; then
		ctl --json list
		python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
p = {q["pid"]: q for q in o["processes"]}[int(sys.argv[2])]
assert p["mode"] == "exposed" and p["replaced"] and p["held"] > 1 << 20 and p["resident"] > 1 << 20
assert p["build"].startswith("hakmem-build: ") and o["not_permitted"] >= 0' "$tmp/out" "$pid" \
			2>"$tmp/err" && ok "list --json" || bad "list --json" "$tmp/err"
		ctl --json "$pid" stats
		python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
assert o["pid"] == int(sys.argv[2]) and o["blocks"]["live"] > 0 and o["background"]["state"] == "running"
assert o["system"]["resident_bytes"] > 1 << 20' "$tmp/out" "$pid" \
			2>"$tmp/err" && ok "stats --json" || bad "stats --json" "$tmp/err"
		run "$tool" --json "$old" stats
		python3 -c 'import json, sys
assert json.load(open(sys.argv[1]))["held"] > 1 << 20' "$tmp/out" 2>"$tmp/err" &&
			ok "the counters as JSON" || bad "the counters as JSON" "$tmp/err"
	fi
	finish_one
	pid=$old
	ctl "$pid" stats
	if [ "$status" = 0 ] && grep -q '^held  *[1-9]' "$tmp/out" &&
		[ "$(cat "$tmp/err")" = "hakmem-ctl: process $pid: without expose these are its counters alone" ]; then
		ok "stats without expose"
	else bad "stats without expose" "$tmp/err"; fi
	for v in purge "set dirty_max=1" "get" "dump $tmp/file"; do
		# shellcheck disable=SC2086
		ctl "$pid" $v
		says "${v%% *} without expose" 6 "process $pid: it runs without expose"
	done
	[ ! -e "$tmp/file" ] && ok "then no file is made" || bad "then no file is made"
	finish_one
	ctl "$pid" stats
	says "when it has ended" 3 "process $pid: there is none"
	sleep 60 &
	pid=$!
	ctl "$pid" stats
	says "not on hakmem" 5 "process $pid: it does not run on hakmem"
	finish_one
	begin passthrough HAKMEM_EXPOSE=1 HAKMEM_MODE=passthrough "$host" hold
	ctl list
	shows "list: passthrough" "^$pid	.*	passthrough	"
	ctl "$pid" purge
	says "passthrough does not answer" 6 "process $pid: it is in passthrough mode"
	finish_one
}

# Of other layouts, and with a malformed note: copies of the library with other bytes in them.
malformed() {
	local where i other=$tmp/patched/libhakmem.so.1 good=$lib
	command -v python3 >/dev/null || { left_out "malformed notes" "needs python3"; return; }
	mkdir -p "$tmp/patched"
	patch() { # CODE: changes the bytes `d`
		python3 -c 'import sys
d = bytearray(open(sys.argv[1], "rb").read())
note = d.index(b"\x07\0\0\0\x08\0\0\0\x01\0\0\0hakmem\0\0")
view = d.index(b"hakview\0\x01\0\0\0")
exec(sys.argv[3])
open(sys.argv[2], "wb").write(d)' "$good" "$other" "$1" || hard_error "no note in the library"
		chmod 755 "$other"
	}
	lib=$other
	patch 'd[view+8] = 99; d[view+16:view+24] = b"9.8.7\0\0\0"'
	begin other "$host" hold
	ctl "$pid" stats
	says "another layout" 5 "process $pid: it runs on hakmem 9.8.7, which hakmem-ctl"
	ctl list
	shows "list: another layout" "^$pid	9.8.7	[a-z-]+	other	"
	finish_one
	i=0
	for where in 'd[view] = 65' 'd[note+24:note+28] = b"\xff\xff\xff\x7f"' 'd[note+4:note+8] = b"\xf0\xff\xff\xff"' \
		'd[note:note+4] = b"\xff\xff\xff\xff"' 'd[note+4] = 4' 'd[note+8] = 2' 'd[note+14] = 65'; do
		i=$((i + 1))
		patch "$where"
		begin "malformed$i" "$host" hold
		ctl "$pid" stats
		says "a malformed note: $where" 5 "process $pid: it does not run on hakmem"
		finish_one
	done
	lib=$good
}

answered() {
	local before after i files
	exposed answered "$host" hold
	files=$(ls "/proc/$pid/fd")
	ctl "$pid" stats
	shows "stats" '^  superslabs  *[1-9]'
	ctl "$pid" purge
	before=$(sed -n 's/^resident before  *//p' "$tmp/out") after=$(sed -n 's/^resident after  *//p' "$tmp/out")
	shows "purge" '^given back  *[1-9][0-9]{6}'
	[ "${before:-0}" -gt $((${after:-0} + 4000000)) ] && ok "purge: resident $before, then $after" ||
		bad "purge: resident $before, then $after"
	ctl "$pid" set dirty_max=3M
	[ "$status" = 0 ] && [ ! -s "$tmp/out" ] && [ ! -s "$tmp/err" ] && ok "set" || bad "set" "$tmp/err"
	ctl "$pid" get dirty_max
	shows "get" '^3145728$'
	ctl "$pid" get
	shows "get, all" '^purge_delay = 1000$'
	ctl "$pid" get nosuch
	says "get: an unknown one" 1 "nosuch: no such option"
	ctl "$pid" set nosuch=1
	says "set: an unknown one" 1 "nosuch: no such option"
	ctl "$pid" set dirty_max=-1
	says "set: out of range" 1 "dirty_max=-1: not a number from 0 to"
	ctl "$pid" set thp=
	says "set: no value" 1 "thp=: not one of auto"
	ctl "$pid" set background=yes
	says "set: one that may not change" 1 "background: does not change"
	ctl "$pid" set $'thp=a\nb'
	says "set: control characters" 1 "not understood"
	ctl "$pid" set "thp=$(printf '%03000d' 0)"
	says "set: a huge value" 1 "not understood"
	ctl "$pid" dump "$tmp/file"
	[ "$status" = 0 ] && grep -q '^hakmem: heap' "$tmp/file" && ok "dump" || bad "dump" "$tmp/err"
	ctl --json "$pid" dump "$tmp/file"
	[ "$status" = 0 ] && grep -q '^{"schema":' "$tmp/file" && ok "dump --json" || bad "dump --json" "$tmp/err"
	ctl "$pid" dump "$tmp/none/file"
	says "dump: no folder" 2 "none/file: No such file"
	ctl "$pid" dump /dev/full
	says "dump: a full disk" 2 "/dev/full: No space left"
	# The statistics read files of the kernel, in a table of files of the helper's own.
	for i in 1 2 3; do ctl "$pid" --json stats; done
	[ "$(ls "/proc/$pid/fd")" = "$files" ] && ok "the process has no file more" ||
		bad "the process has no file more" "$(ls -l "/proc/$pid/fd")"
	finish_one
	exposed slow HAKMEM_BACKGROUND=1 HAKMEM_PURGE_DELAY=3600000 "$host" hold
	ctl "$pid" get background
	shows "a helper that naps answers at once" '^on$'
	finish_one
}

not_now() {
	local other
	exposed stopped "$host" hold
	kill -STOP "$pid"
	ctl --timeout 1 "$pid" purge
	says "a stopped process" 7 "process $pid: it is stopped"
	kill -CONT "$pid"
	ctl "$pid" get stats
	shows "when it goes on" '^off$'
	other=$pid
	begin tracer "$host" trace "$(basename "$(grep -lx hakmem "/proc/$pid/task/"*/comm | xargs dirname)")"
	if grep -q 'not allowed' "$tmp/tracer.said"; then left_out "a traced process" "tracing is not allowed"; else
		ctl --timeout 1 "$other" purge
		says "a traced process" 7 "process $other: it does not answer: process $pid traces it"
	fi
	finish_one
	ctl "$other" get stats
	shows "when it is traced no more" '^off$'
	pid=$other
	finish_one
	exposed child "$host" fork 0
	other=$(sed -n 1p "$tmp/child.said")
	ctl "$other" purge
	says "a child without a helper" 6 "process $other: it has no helper thread now"
	ctl "$pid" get stats
	shows "its parent" '^off$'
	finish_one
	exposed grown "$host" fork 1
	other=$(sed -n 1p "$tmp/grown.said")
	ctl "$other" set dirty_max=1M
	ctl "$other" get dirty_max
	shows "a child that grew" '^1048576$'
	ctl "$pid" get dirty_max
	shows "its parent has its own" '^33554432$'
	finish_one
	begin first HAKMEM_EXPOSE=yes "$host" exit_first
	sleep 0.3
	ctl "$pid" purge
	[ "$status" = 3 ] || [ "$status" = 6 ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		ok "the first thread has gone" || bad "the first thread has gone: $status" "$tmp/err"
	finish_one
}

others() {
	local inner
	exposed user "$host" hold
	if [ "$(id -u)" != 0 ] || ! command -v setpriv unshare >/dev/null; then
		left_out "other users, namespaces" "needs root"
		finish_one
		return
	fi
	run setpriv --reuid=12345 --regid=12345 --clear-groups "$tool" "$pid" purge
	says "of another user" 4 "process $pid: it may not be looked at: be"
	run setpriv --reuid=12345 --regid=12345 --clear-groups "$tool" list
	[ "$status" = 0 ] && ! grep -q "^$pid	" "$tmp/out" && ok "list: not those of others" ||
		bad "list: not those of others" "$tmp/out"
	finish_one
	ctl 2 stats
	if [ "$(cat /proc/2/comm 2>/dev/null)" = kthreadd ]; then says "of the kernel" 3 "it has no memory"; fi
	if ! unshare -p -f --mount-proc true 2>/dev/null; then
		left_out "a namespace of processes" "it cannot be made"
		return
	fi
	begin space HAKMEM_EXPOSE=yes unshare -p -f --mount-proc "$host" hold
	inner=$(tr -d ' ' <"/proc/$pid/task/$pid/children")
	ctl "$inner" set dirty_max=5M
	ctl "$inner" get dirty_max
	shows "in a namespace of processes" '^5242880$'
	kill -9 "$inner"
	finish_one
}

static_programs() {
	local flags name
	if ! [ -e "$HM_STATIC_LIB" ]; then left_out "static programs" "no static library"; return; fi
	for flags in "-static" "-static -ffunction-sections -Wl,--gc-sections -s" "-static-pie -fPIE"; do
		name="static program ($flags)"
		# shellcheck disable=SC2086
		if ! $CC -D_GNU_SOURCE -O1 -fno-builtin -o "$tmp/static" "$src/ctl_host.c" $flags \
			"$HM_STATIC_LIB" -pthread >"$tmp/why" 2>&1; then
			left_out "$name" "does not link"
			continue
		fi
		exposed static "$tmp/static" hold
		ctl list
		shows "list: $name" "^$pid	[0-9.]*	static	exposed	.*	static$"
		ctl "$pid" purge
		shows "purge: $name" '^given back  *[1-9][0-9]{6}'
		finish_one
	done
	strip -o "$tmp/stripped" "$lib" 2>/dev/null || return
	exposed stripped LD_PRELOAD="$tmp/stripped" "$host" hold
	ctl "$pid" get stats
	shows "a stripped library" '^off$'
	finish_one
}

profiles() {
	exposed profiled HAKMEM_PROFILE_RATE=1000 "$host" threads
	ctl "$pid" profile dump "$tmp/profile"
	says "no profile" 1 "process $pid: no profile was begun"
	[ ! -e "$tmp/profile" ] && ok "then no file is made" || bad "then no file is made"
	ctl "$pid" profile start
	[ "$status" = 0 ] && [ ! -s "$tmp/err" ] && ok "profile start" || bad "profile start" "$tmp/err"
	sleep 0.5
	ctl "$pid" profile stop
	[ "$status" = 0 ] && [ ! -s "$tmp/err" ] && ok "profile stop" || bad "profile stop" "$tmp/err"
	ctl "$pid" profile dump "$tmp/profile"
	[ "$status" = 0 ] && grep -q '^heap profile: .* heap_v2/1000$' "$tmp/profile" &&
		[ "$(grep -c '^[0-9]*: [0-9]* \[[0-9]*: [0-9]*\] @ 0x' "$tmp/profile")" -gt 3 ] &&
		grep -q 'r-xp.*/ctl_host$' "$tmp/profile" && ok "profile dump" || bad "profile dump" "$tmp/profile"
	ctl "$pid" get profile
	shows "the option tells" '^off$'
	ctl "$pid" set profile=yes
	ctl "$pid" get profile
	shows "set profile=yes, too" '^on$'
	finish_one
	[ "$status" = 0 ] && ok "the program ends well" || bad "the program ends well: $status" "$tmp/profiled.said"
}

# Any of these answers is one; nothing else is, and no line more than one.
is_answer() {
	case $status in
	0) ;;
	3 | 5 | 6 | 7) [ "$(wc -l <"$tmp/err")" = 1 ] ;;
	*) false ;;
	esac
}

storms() {
	local i n=30 failed=0
	[ -n "$fast" ] || n=300
	exposed threads "$host" threads
	for i in $(seq $((n * 10 / 3))); do
		case $((i % 4)) in
		0) ctl "$pid" purge ;;
		1) ctl "$pid" stats ;;
		2) ctl "$pid" set dirty_max=$((i % 7))M ;;
		3) ctl --json "$pid" stats ;;
		esac
		[ "$status" = 0 ] || { failed=$((failed + 1)); cat "$tmp/err" >>"$tmp/why"; }
	done
	[ $failed = 0 ] && ok "$i commands while threads allocate" || bad "$failed of $i commands fail" "$tmp/why"
	for i in 1 2 3 4; do
		for _ in $(seq "$n"); do "$tool" "$pid" get dirty_max >/dev/null 2>>"$tmp/four" || echo "$i" >>"$tmp/four"; done &
		asking[i]=$!
	done
	wait "${asking[@]}"
	[ ! -s "$tmp/four" ] && ok "four at a time" || bad "four at a time" "$tmp/four"
	for i in $(seq "$n"); do
		"$tool" "$pid" stats >/dev/null 2>&1 &
		asking=$!
		[ $((i % 3)) = 0 ] || sleep "0.00$((i % 10))"
		kill -9 "$asking" 2>/dev/null
		wait "$asking" 2>/dev/null
	done 2>/dev/null
	ctl "$pid" get stats
	shows "after $n that were killed" '^off$'
	grep -q '[tT]' <(sed -n 's/^State:\t//p' "/proc/$pid/task/"*/status | cut -c1) &&
		bad "no thread is left stopped" || ok "no thread is left stopped"
	finish_one
	[ "$status" = 0 ] && [ "$(sed 1d "$tmp/threads.said")" = whole ] && ok "the program noticed nothing" ||
		bad "the program noticed nothing" "$tmp/threads.said"
	exposed forks "$host" forks
	failed=0
	for i in $(seq "$n"); do
		ctl "$pid" stats
		[ "$status" = 0 ] || { failed=$((failed + 1)); cat "$tmp/err" >>"$tmp/why"; }
	done
	[ $failed = 0 ] && ok "$n commands while it forks" || bad "$failed commands of $n while it forks" "$tmp/why"
	finish_one
	grep -qx '0 children failed' "$tmp/forks.said" && ok "its children, too" || bad "its children" "$tmp/forks.said"
	failed=0
	env LD_PRELOAD="$lib" HAKMEM_EXPOSE=1 "$host" execs $((n * 4)) >"$tmp/execs" 2>&1 &
	pid=$!
	for i in $(seq $((n * 20))); do
		ctl --timeout 1 "$pid" get dirty_max
		is_answer || { failed=$((failed + 1)); { echo "status $status"; cat "$tmp/err"; } >>"$tmp/why"; }
		! grep -q ready "$tmp/execs" || break
	done
	[ $failed = 0 ] && ok "$i commands while it executes itself" || bad "$failed commands of $i while it executes itself" "$tmp/why"
	for i in $(seq 200); do grep -q ready "$tmp/execs" && break; sleep 0.05; done
	[ "$(cat "$tmp/execs")" = ready ] && ok "it came to its end" || bad "it came to its end" "$tmp/execs"
	finish_one
}

tables() {
	local before i
	exposed top "$host" hold
	ctl -n 2 -i 0.1 top
	shows "top: plain" "^ *$pid .* ctl_host$"
	[ "$(grep -c '^ *PID  *RES' "$tmp/out")" = 2 ] && ok "top: -n 2" || bad "top: -n 2" "$tmp/out"
	ctl -n 1 "$pid" top
	shows "top: one process has LIVE and CACHED" "^ *$pid +[0-9.]+M +[0-9.]+M +[0-9.]+[KM]? +[0-9.]+[KM]? "
	run sh -c '"$0" -n 1 top >/dev/full' "$tool"
	says "top: a full disk" 2 "cannot write"
	ctl -n 100000 -i 0.01 top "$pid"
	[ "$status" = 2 ] && ok "top PID is not PID top" || bad "top PID is not PID top: $status" "$tmp/err"
	timeout 60 "$tool" -i 0.05 "$pid" top >"$tmp/out" 2>"$tmp/err" &
	before=$!
	sleep 0.3
	finish_one
	wait $before
	status=$?
	[ $status = 3 ] && grep -q "process $pid: it has ended" "$tmp/err" && ok "top: it ends" || bad "top: it ends: $status" "$tmp/err"
	screen
}

# In a terminal: tmux is one that can be looked at.
screen() {
	local t i
	command -v tmux >/dev/null || { left_out "top in a terminal" "needs tmux"; return; }
	[ -e "$HM_BUILDDIR/src/tools/hakmem_ctl-screen_ncurses.o" ] || { left_out "top in a terminal" "no ncurses"; return; }
	t=(tmux -S "$tmp/tmux" -f /dev/null)
	exposed seen "$host" hold
	looks() { # NAME PATTERN
		for i in $(seq 300); do
			"${t[@]}" capture-pane -p >"$tmp/pane" 2>&1
			! grep -qE "$2" "$tmp/pane" || { ok "$1"; return; }
			sleep 0.1
		done
		bad "$1" "$tmp/pane"
	}
	"${t[@]}" new-session -d -x 120 -y 20 "PS1='prompt> ' exec sh -i" || { left_out "top in a terminal" "tmux does not run"; return; }
	"${t[@]}" send-keys "echo before; $tool -i 0.2 top" Enter
	looks "top on a screen" "^ *PID +RES"
	looks "top: the process" "^ *$pid +.*ctl_host"
	! grep -q before "$tmp/pane" && ok "top: a screen of its own" || bad "top: a screen of its own" "$tmp/pane"
	"${t[@]}" resize-window -x 60 -y 10
	looks "top: resized" "^ *$pid +"
	"${t[@]}" send-keys q
	looks "top: q ends it, the screen is back" "before$"
	"${t[@]}" send-keys "clear; $tool -i 0.2 $pid top" Enter
	looks "top of one" "^ *$pid +[0-9.]+M"
	"${t[@]}" send-keys C-c
	looks "top: a signal ends it" "^prompt>"
	"${t[@]}" send-keys "clear; stty -a" Enter
	looks "top: the terminal is as it was" " echo( |$)"
	"${t[@]}" send-keys "clear; TERM=dumb $tool -n 1 top; echo end \$?" Enter
	looks "top: a terminal that can nothing" "^end 0"
	"${t[@]}" kill-server
	finish_one
}

a_server() {
	local i before after
	command -v redis-server redis-cli >/dev/null || { left_out "redis-server" "is not there"; return; }
	mkdir "$tmp/redis"
	# What is freed stays until it is told to go.
	env LD_PRELOAD="$lib" HAKMEM_EXPOSE=yes HAKMEM_PURGE_DELAY=600000 redis-server --port 0 --unixsocket "$tmp/redis/socket" --save '' \
		--dir "$tmp/redis" >"$tmp/redis/log" 2>&1 &
	pid=$!
	for i in $(seq 200); do
		[ "$(redis-cli -s "$tmp/redis/socket" ping 2>/dev/null)" = PONG ] && break
		sleep 0.05
	done
	awk 'BEGIN { for (i = 1; i <= 1000; i++) x = x "x"
		for (i = 1; i <= 40000; i++) print "set k" i " " substr(x, 1, 200 + i % 700) }' |
		redis-cli -s "$tmp/redis/socket" --pipe >/dev/null
	ctl "$pid" stats
	shows "redis-server: stats" '^  blocks  *[1-9][0-9]{4}'
	redis-cli -s "$tmp/redis/socket" flushall >/dev/null
	ctl "$pid" purge
	shows "redis-server: purge" '^given back  *[0-9]'
	before=$(sed -n 's/^resident before  *//p' "$tmp/out")
	after=$(sed -n 's/^resident after  *//p' "$tmp/out")
	# Most went when it was freed.
	[ "${after:-0}" -gt 0 ] && [ $((after + (1 << 20))) -lt "$before" ] && ok "redis-server: resident $after" ||
		bad "redis-server: resident $after" "$tmp/out"
	ctl "$pid" set purge_delay=77
	ctl "$pid" get purge_delay
	shows "redis-server: set" '^77$'
	ctl -n 1 "$pid" top
	shows "redis-server: top" "^ *$pid .*redis-server"
	[ "$(redis-cli -s "$tmp/redis/socket" ping)" = PONG ] && ok "redis-server runs on" || bad "redis-server runs on"
	finish_one
}

the_command_line
found
malformed
answered
not_now
others
static_programs
profiles
storms
tables
a_server
finish
