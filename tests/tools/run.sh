#!/bin/bash
# hakmem-run: programs run on the library, exit as they do, and it says why one cannot.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
tool=$HM_BUILDDIR/hakmem-run
[ -x "$tool" ] || hard_error "no program at $tool"
compile which_malloc
src=$HM_SRCDIR/tests/tools
compile environ
which=$tmp/which_malloc

go() { run "$tool" --library "$lib" "$@"; } # [OPTION...] PROGRAM...

# refused NAME STATUS TEXT: the last run ended so, after one line that has TEXT.
refused() {
	if [ "$status" = "$2" ] && [ "$(wc -l <"$tmp/err")" = 1 ] && [ ! -s "$tmp/out" ] &&
		grep -qF "hakmem-run: " "$tmp/err" && grep -qF -- "$3" "$tmp/err"; then
		ok "$1"
	else
		{ echo "exit status $status, wanted $2 and a line with: $3"
			cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}

# output NAME TEXT: the last run ended well and printed TEXT.
output() {
	if [ "$status" = 0 ] && [ "$(cat "$tmp/out")" = "$2" ] && [ ! -s "$tmp/err" ]; then
		ok "$1"
	else
		{ echo "exit status $status, wanted: $2"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}

running() {
	go "$which"
	output "a program has the library's malloc" libhakmem.so.1
	run "$tool" "$which"
	output "the build tree's library is found" libhakmem.so.1
	(cd "$tmp" && PATH=$tmp:$PATH run "$tool" -l ./libhakmem.so.1 which_malloc)
	output "found by PATH; a library by a relative path" libhakmem.so.1
	go sh -c 'exit 7'
	expect "its exit status" 7
	go sh -c 'kill -TERM $$'
	expect "its signal" 143
	go sh -c 'echo "$0,$1,$#"' 'a b' --help
	output "its arguments, which are no options of ours" 'a b,--help,1'
	go -- "$which"
	output "-- ends the options" libhakmem.so.1
	printf '#!/bin/sh\nexec "$0.real" "$@"\n' >"$tmp/wrapper.sh"
	cp "$which" "$tmp/wrapper.sh.real" && chmod 755 "$tmp/wrapper.sh"
	go "$tmp/wrapper.sh"
	output "a script, and what it executes" libhakmem.so.1
	printf 'echo "plain $1"\n' >"$tmp/plain" && chmod 755 "$tmp/plain"
	go "$tmp/plain" text
	output "text without #! goes to the shell" "plain text"
	run env LD_PRELOAD="/other.so $lib:/more.so" "$tool" -l "$lib" "$tmp/environ"
	grep -qx "LD_PRELOAD=$lib:/other.so:/more.so" "$tmp/out" &&
		ok "LD_PRELOAD keeps what is there, and names the library once" ||
		bad "LD_PRELOAD keeps what is there" "$tmp/out"
}

settings() {
	local row rows
	go -o dirty_max=8M -o thp=never sh -c 'echo "$HAKMEM_DIRTY_MAX $HAKMEM_THP"'
	output "-o sets options" "8M never"
	go -o nosuch=1 "$which"
	refused "an unknown option" 125 "nosuch: no such option"
	go -o dirty_max=-1 "$which"
	refused "a number that is none" 125 "dirty_max=-1: not a number from 0 to 1099511627776"
	go -o thp=ever "$which"
	refused "a word that is none" 125 "thp=ever: not one of auto, never, always"
	for row in '' = =1 thp "$(printf '%0100d' 1)=1"; do
		go -o "$row" "$which"
		refused "-o '${row:0:20}'" 125 "not KEY=VALUE"
	done
	go -o $'thp=\e[1m\n' "$which"
	refused "what is refused does nothing to the terminal" 125 'thp=?[1m?: not one of'
	go -o help
	rows=$(sed -n 's/^HM_OPTION(\([a-z_]*\),.*/\1/p' "$HM_SRCDIR/src/policy/options.def")
	output_rows=$(cut -f1 "$tmp/out")
	[ "$status" = 0 ] && [ -n "$rows" ] && [ "$rows" = "$output_rows" ] &&
		ok "-o help lists all options" || bad "-o help lists all options" "$tmp/out"
	for how in -s --stats; do
		go $how "$which"
		[ "$status" = 0 ] && grep -q '^hakmem:' "$tmp/err" && ok "$how" || bad "$how" "$tmp/err"
	done
	go --stats=xml "$which"
	refused "--stats=xml" 125 "not json or text"
	go --stats=json "$which"
	[ "$status" = 0 ] && grep -q '^{"schema":' "$tmp/err" && ok "--stats=json" ||
		bad "--stats=json" "$tmp/err"
	go -p server sh -c 'echo "$HAKMEM_PRESET"'
	output "--preset" server
	go -p nosuch "$which"
	refused "an unknown preset" 125 "preset=nosuch: not one of"
	go -p '../x' "$which"
	refused "a preset that is no word" 125 "not the name of a preset"
}

libraries() {
	mkdir -p "$tmp/tree/.libs" "$tmp/with blank"
	cp "$tool" "$tmp/tree/hakmem-run"
	cp "$lib" "$tmp/tree/.libs/libhakmem.so.1"
	cp "$lib" "$tmp/tree/.libs/libhakmem-small.so.1"
	cp "$lib" "$tmp/with blank/lib.so"
	run "$tmp/tree/hakmem-run" -V small "$which"
	output "--variant" libhakmem-small.so.1
	run "$tmp/tree/hakmem-run" -V large "$which"
	refused "a variant that is not there" 125 "libhakmem-large.so.1: no library: No such file"
	run "$tool" -V ../../x "$which"
	refused "a variant that is a path" 125 "not the name of a variant"
	go -V small "$which"
	refused "--variant and --library" 125 "exclude each other"
	run "$tool" -l "$tmp/nosuch.so" "$which"
	refused "no library" 125 "no library: No such file"
	run "$tool" -l "$tmp/plain" "$which"
	refused "a library that is text" 125 "not a shared library"
	run "$tool" -l "$tmp" "$which"
	refused "a library that is a folder" 125 "not a shared library"
	mkfifo "$tmp/pipe.so"
	run "$tool" -l "$tmp/pipe.so" "$which"
	refused "a library that is a pipe" 125 "not a shared library"
	head -c 1000 "$lib" >"$tmp/cut.so"
	run "$tool" -l "$tmp/cut.so" "$which"
	refused "a library that is cut off" 125 "not a shared library"
	run "$tool" -l "$tmp/with blank/lib.so" "$which"
	refused "a library in a path with a blank" 125 "LD_PRELOAD cannot name"
	if [ "$(id -u)" != 0 ]; then
		cp "$lib" "$tmp/secret.so" && chmod 0 "$tmp/secret.so"
		run "$tool" -l "$tmp/secret.so" "$which"
		refused "a library without permission" 125 "Permission denied"
	fi
}

# patch FILE OFFSET BYTE: the ELF header claims something else.
patch() { printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }

cannot() {
	local i=0
	run "$tool"
	[ "$status" = 125 ] && ok "no program named" || bad "no program named" "$tmp/err"
	go nosuchprogram
	refused "no such program" 127 "nosuchprogram: No such file"
	go "$tmp/nosuch"
	refused "no such path" 127 "No such file"
	go ""
	refused "an empty name" 127 "No such file"
	go "$tmp/plain/x"
	refused "a path through a file" 127 "Not a directory"
	go "$tmp"
	refused "a folder" 126 "Is a directory"
	cp "$which" "$tmp/noexec" && chmod 644 "$tmp/noexec"
	go "$tmp/noexec"
	refused "not executable" 126 "Permission denied"
	PATH=$tmp:$PATH go noexec
	refused "not executable, in PATH" 126 "Permission denied"
	printf '\001\002\000\003' >"$tmp/garbage" && head -c 100 "$which" >"$tmp/head"
	chmod 755 "$tmp/garbage" "$tmp/head"
	for i in garbage head; do
		go "$tmp/$i"
		refused "$i" 126 "neither a program nor a script"
	done
	mkfifo "$tmp/pipe" && chmod 755 "$tmp/pipe"
	go "$tmp/pipe"
	refused "a pipe" 126 "Permission denied"
	printf '#!%s\n' "$tmp/loop" >"$tmp/loop" && chmod 755 "$tmp/loop"
	go "$tmp/loop"
	refused "a script that is its own interpreter" 126 "too many interpreters"
	printf '#!%s\n' "$tmp/gone" >"$tmp/lost" && chmod 755 "$tmp/lost"
	go "$tmp/lost"
	refused "a script without its interpreter" 127 "$tmp/gone: No such file"
	run "$tool" --nosuch "$which"
	[ "$status" = 125 ] && ok "an unknown option of ours" || bad "an unknown option of ours" "$tmp/err"
	for i in --help --version; do
		run "$tool" $i
		expect "$i" 0
		run sh -c "'$tool' $i >/dev/full"
		refused "$i on a full disk" 125 "cannot write"
	done
}

unreachable() {
	printf 'int main(void) { return 0; }\n' >"$tmp/main.c"
	if $CC -static -o "$tmp/static" "$tmp/main.c" 2>/dev/null; then
		go "$tmp/static"
		refused "a static program" 125 "linked statically"
		printf '#!%s -x\n' "$tmp/static" >"$tmp/of_static" && chmod 755 "$tmp/of_static"
		go "$tmp/of_static"
		refused "a script of a static program" 125 "$tmp/of_static: $tmp/static: linked statically"
	else
		left_out "static programs" "do not link here"
	fi
	$CC -o "$tmp/musl" "$tmp/main.c" -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 || exit 99
	go "$tmp/musl"
	refused "a program of another C library" 125 "not glibc"
	$CC -o "$tmp/noloader" "$tmp/main.c" -Wl,--dynamic-linker=/nosuch/ld.so || exit 99
	go "$tmp/noloader"
	refused "a program without its loader" 127 "/nosuch/ld.so: No such file"
	cp "$which" "$tmp/foreign" && patch "$tmp/foreign" 18 '\026\000'
	go "$tmp/foreign"
	refused "another machine" 125 "a program for s390x, the library is for"
	cp "$which" "$tmp/class" && patch "$tmp/class" 4 '\001' && patch "$tmp/class" 18 '\003\000'
	go "$tmp/class"
	refused "another class" 125 "a program for i386"
	patch "$tmp/class" 18 '\376\377'
	go "$tmp/class"
	refused "a machine without a name" 125 "machine 65534 of 32 bits"
	cp "$lib" "$tmp/foreign.so" && patch "$tmp/foreign.so" 18 '\267\000'
	run "$tool" -l "$tmp/foreign.so" "$which"
	refused "a library for another machine" 125 "the library is for aarch64"
}

# Rights of others: the loader would drop the library without a word.
rights() {
	if [ "$(id -u)" != 0 ]; then
		left_out "set-user-ID" "needs root"
		return
	fi
	cp "$which" "$tmp/suid" && chown 65534 "$tmp/suid" && chmod 4755 "$tmp/suid"
	go "$tmp/suid"
	refused "set-user-ID" 125 "set-user-ID: the loader ignores LD_PRELOAD"
	cp "$which" "$tmp/sgid" && chgrp 65534 "$tmp/sgid" && chmod 2755 "$tmp/sgid"
	go "$tmp/sgid"
	refused "set-group-ID" 125 "set-group-ID"
	cp "$which" "$tmp/own" && chmod 4755 "$tmp/own"
	go "$tmp/own"
	output "set-user-ID of the same user" libhakmem.so.1
	run setpriv --no-new-privs "$tool" -l "$lib" "$tmp/suid"
	output "set-user-ID where that has no effect" libhakmem.so.1
	cp "$which" "$tmp/capable"
	if setcap cap_net_raw+ep "$tmp/capable" 2>/dev/null; then
		run setpriv --reuid 65534 --regid 65534 --clear-groups "$tool" -l "$lib" "$tmp/capable"
		refused "file capabilities" 125 "file capabilities"
		go "$tmp/capable"
		output "file capabilities, as root" libhakmem.so.1
	else
		left_out "file capabilities" "setcap does not work here"
	fi
}

no_inherit() {
	local before after
	go --no-inherit sh -c 'grep -c "libhakmem\.so" /proc/$$/maps >/dev/null && "$0"; echo "$LD_PRELOAD"' "$which"
	output "--no-inherit: the program has it, what it starts has not" libc.so.6
	go --no-inherit "$tmp/wrapper.sh"
	output "--no-inherit: nor what it executes in its place" libc.so.6
	printf '#!/usr/bin/env which_malloc\n' >"$tmp/by_env" && chmod 755 "$tmp/by_env"
	PATH=$tmp:$PATH go --no-inherit "$tmp/by_env"
	output "--no-inherit: a script by env" libhakmem.so.1
	printf '#!/usr/bin/env -S which_malloc x\n' >"$tmp/by_env_s" && chmod 755 "$tmp/by_env_s"
	PATH=$tmp:$PATH go --no-inherit "$tmp/by_env_s"
	refused "--no-inherit: a script by env -S" 125 "ends at env"
	run env LD_PRELOAD="$lib:/lib/other.so" "$tool" -l "$lib" --no-inherit "$tmp/environ"
	grep -v '^ERROR: ld.so' "$tmp/err" >"$tmp/err2"
	mv "$tmp/err2" "$tmp/err"
	after=$(grep entries "$tmp/out")
	grep -q 'same 1' "$tmp/out" && grep -q 'page 1' "$tmp/out" &&
		grep -qx 'LD_PRELOAD=/lib/other.so' "$tmp/out" && [ ! -s "$tmp/err" ] &&
		ok "--no-inherit: others stay, and all is where it was" || bad "--no-inherit: others" "$tmp/out"
	before=$(env LD_PRELOAD="$lib" HAKMEM_NO_INHERIT=x "$tmp/environ" | grep entries)
	[ "$before" = "$after" ] && ok "--no-inherit: no entry goes" || bad "--no-inherit: no entry goes" "$before, $after"
	run env LD_PRELOAD="$lib" HAKMEM_NO_INHERIT=1 HAKMEM_VERBOSE=1 "$tmp/environ"
	grep -qx "LD_PRELOAD=$lib" "$tmp/out" && [ ! -s "$tmp/err" ] &&
		ok "another process's number has no effect" || bad "another process's number" "$tmp/out"
	for number in '' 0 x 18446744073709551617 -1; do
		run env LD_PRELOAD="$lib" HAKMEM_NO_INHERIT="$number" "$tmp/environ"
		grep -qx "LD_PRELOAD=$lib" "$tmp/out" && ok "nor has '$number'" || bad "nor has '$number'" "$tmp/out"
	done
}

running
settings
libraries
cannot
unreachable
rights
no_inherit
finish
