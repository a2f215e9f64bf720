#!/bin/bash
# What the library makes of the environment, and that it says nothing unless it is asked to.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile which_malloc
compile exec_bare
show=$tmp/which_malloc

# expect_lines NAME TEXT...: as many lines on stderr, each with its text, status 0.
expect_lines() {
	local name=$1 text n=0 all=yes
	shift
	for text; do
		n=$((n + 1))
		sed -n "${n}p" "$tmp/err" | grep -qF "$text" || all=no
	done
	if [ "$status" = 0 ] && [ $all = yes ] && [ "$(wc -l <"$tmp/err")" = $n ] &&
		! grep -qv '^hakmem: ' "$tmp/err"; then
		ok "$name"
	else
		{ echo "exit status $status, wanted on stderr: $*"; cat "$tmp/err"; } >"$tmp/why"
		bad "$name" "$tmp/why"
	fi
}

run_preloaded "$show"
expect "preloaded: nothing printed" 0
[ "$(cat "$tmp/out")" = libhakmem.so.1 ] || bad "preloaded: malloc is the library's" "$tmp/out"

run_preloaded HAKMEM_NOSUCH=1 HAKMEM_PREWARM=lots HAKMEM_=x HAKMEM= "$show"
expect "unknown variable and bad value: silent" 0
run_preloaded HAKMEM_VERBOSE=0 HAKMEM_NOSUCH=1 HAKMEM_PREWARM=lots "$show"
expect "the same with HAKMEM_VERBOSE=0" 0
run_preloaded HAKMEM_VERBOSE=perhaps HAKMEM_NOSUCH=1 "$show"
expect "a bad HAKMEM_VERBOSE is no yes" 0
run_preloaded HAKMEM_VERBOSE=1 "$show"
expect "HAKMEM_VERBOSE=1 with nothing to report" 0
run_preloaded HAKMEM_VERBOSE=1 HAKMEM_NOSUCH=1 "$show"
expect_lines "unknown variable reported in one line" HAKMEM_NOSUCH
run_preloaded HAKMEM_VERBOSE=yes HAKMEM_PREWARM=lots "$show"
expect_lines "bad value reported in one line" HAKMEM_PREWARM=lots
run_preloaded HAKMEM_VERBOSE=1 HAKMEM_PREWARM=99999999999999999999 HAKMEM_GUARDS=-1 "$show"
expect_lines "numbers out of range" HAKMEM_PREWARM HAKMEM_GUARDS
run_preloaded HAKMEM_VERBOSE=1 HAKMEM_THP=ever "$show"
expect_lines "a bad word reported with the good ones" "HAKMEM_THP=ever: not one of auto, never, always"
run_preloaded HAKMEM_VERBOSE=1 HAKMEM_STATS=$'a\nhakmem: b\e[1m' "$show"
expect_lines "a value cannot break the line" HAKMEM_STATS
run_preloaded HAKMEM_VERBOSE=1 HAKMEM_DIRTY_MAX="$(printf '%05000d' 7)x" "$show"
expect_lines "a long value is cut" HAKMEM_DIRTY_MAX
[ "$(wc -c <"$tmp/err")" -lt 400 ] || bad "a long value is cut" "$tmp/err"

# Every row of the table is known and takes its own bounds.
settings=()
while read -r name value; do
	settings+=("HAKMEM_$name=$value")
done < <(sed -n 's/^HM_OPTION(//p' "$HM_SRCDIR/src/policy/options.def" |
	awk -F', *' '
		$3 ~ /^WORD/ { gsub(/WORD\(|\)/, "", $3); n = split($3, words, "|")
			for (i = 1; i <= n; i++) print $2, words[i]; next }
		$3 == "TEXT" { next }
		$5 ~ /^[0-9]+$/ && $6 ~ /^[0-9]+$/ { print $2, $5; print $2, $6 }')
[ ${#settings[@]} -gt 4 ] || hard_error "cannot read options.def"
for setting in "${settings[@]}"; do
	case $setting in HAKMEM_STATS=1 | HAKMEM_PREWARM=[1-9]* | HAKMEM_VERBOSE=0) continue ;; esac
	run_preloaded HAKMEM_VERBOSE=1 "$setting" "$show"
	expect "$setting" 0
done
# What a TEXT may be is its reader's to say.
for setting in HAKMEM_ACE_STATE= HAKMEM_ACE_STATE=patience:10; do
	run_preloaded HAKMEM_VERBOSE=1 "$setting" "$show"
	expect "$setting" 0
done
run_preloaded HAKMEM_VERBOSE=1 "HAKMEM_ACE_STATE=patience:3 17:17" "$show"
expect_lines "a state that is none" "HAKMEM_ACE_STATE=patience:3 17:17: not SIZE:BYTES"
run_preloaded HAKMEM_PREWARM=2 "$show"
expect "HAKMEM_PREWARM=2" 0
run_preloaded HAKMEM_STATS=1 "$show"
if [ "$status" = 0 ] && [ -s "$tmp/err" ]; then
	ok HAKMEM_STATS=1
else
	bad HAKMEM_STATS=1 "$tmp/err"
fi

# A program that is linked with the library, since LD_PRELOAD is environment.
$CC -o "$tmp/linked" "$src/which_malloc.c" -D_GNU_SOURCE "$lib" -Wl,-rpath,"$tmp" -ldl ||
	hard_error "cannot link with the library"
for how in empty null; do
	run "$tmp/exec_bare" $how "$tmp/linked"
	expect "environment: $how" 0
	grep -qx libhakmem.so.1 "$tmp/out" || bad "environment: $how: malloc is the library's" "$tmp/out"
done

# Without standard files: nothing may be written to what is opened later in their place.
for closed in 0 1 2 012; do
	run_preloaded HAKMEM_VERBOSE=1 HAKMEM_NOSUCH=1 "$tmp/exec_bare" "close$closed" "$show"
	[ "$closed" = 1 ] || [ "$closed" = 2 ] || : >"$tmp/err"
	if [ "$status" = 0 ]; then ok "descriptors $closed closed"; else
		bad "descriptors $closed closed: exit status $status" "$tmp/err"
	fi
done

# Another user's rights: the loader leaves the library out, and one that is linked in takes no
# options.
set_user_id() {
	local setuid
	if [ "$(id -u)" != 0 ]; then
		left_out "set-user-ID" "needs root"
		return
	fi
	for setuid in which_malloc linked; do
		cp "$tmp/$setuid" "$tmp/$setuid.suid"
		chown 65534 "$tmp/$setuid.suid"
		chmod 4755 "$tmp/$setuid.suid"
	done
	if ! "$tmp/exec_bare" secure "$tmp/which_malloc.suid"; then
		left_out "set-user-ID" "the file system does not honour it"
		return
	fi
	run_preloaded HAKMEM_VERBOSE=1 HAKMEM_NOSUCH=1 "$tmp/which_malloc.suid"
	# the loader itself may complain, about the preload
	grep -v '^ERROR: ld.so:' "$tmp/err" >"$tmp/err2"
	mv "$tmp/err2" "$tmp/err"
	expect "set-user-ID: LD_PRELOAD is ignored" 0
	grep -qx 'libc.so.6' "$tmp/out" || bad "set-user-ID: LD_PRELOAD is ignored" "$tmp/out"
	run env HAKMEM_VERBOSE=1 HAKMEM_NOSUCH=1 HAKMEM_STATS=1 "$tmp/linked.suid"
	expect "set-user-ID: linked, options are ignored" 0
	grep -qx 'libhakmem.so.1' "$tmp/out" || bad "set-user-ID: linked" "$tmp/out"
	run env HAKMEM_VERBOSE=1 HAKMEM_NOSUCH=1 "$tmp/linked"
	expect_lines "the same without set-user-ID" HAKMEM_NOSUCH
}
set_user_id

# A static program is not reached by LD_PRELOAD.
if $CC -static -o "$tmp/static" "$src/exec_bare.c" 2>/dev/null; then
	run_preloaded HAKMEM_VERBOSE=1 HAKMEM_NOSUCH=1 "$tmp/static" nothing
	grep -v '^hakmem: HAKMEM_NOSUCH' "$tmp/err" >"$tmp/err2"
	mv "$tmp/err2" "$tmp/err"
	expect "a static program" 0
fi

# Children inherit it; each process that is not asked says nothing.
run_preloaded HAKMEM_NOSUCH=1 bash -c 'for i in 1 2 3; do ls / | wc -l >/dev/null; done; (exit 3)'
expect "a shell and its children" 3
finish
