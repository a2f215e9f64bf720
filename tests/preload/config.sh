#!/bin/bash
# The configuration file with the library as it is: the example and the manual's one are
# understood, what a program sees of it, set-user-ID programs.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"

cat >"$tmp/list.c" <<'END'
#include <hakmem.h>
int main(void) { hak_option_list(1); return 0; }
END
$CC -I"$HM_SRCDIR/include" -o "$tmp/list" "$tmp/list.c" "$lib" -Wl,-rpath,"$tmp" ||
	hard_error "cannot link with the library"

with_file() { # [VARIABLE=VALUE...]: the listing with the file $tmp/conf, what is wrong with it
	run env HAKMEM_VERBOSE=1 HAKMEM_CONFIG_FILE="$tmp/conf" "$@" "$tmp/list"
}
value_is() { # NAME OPTION VALUE
	if grep -qx "$2 = $3" "$tmp/out"; then ok "$1"; else
		grep "^$2 = " "$tmp/out" >"$tmp/why"; bad "$1: not $2 = $3" "$tmp/why"; fi
}

# The example: as it is, and with what is commented out.
example=$HM_SRCDIR/doc/hakmem.conf.example
cp "$example" "$tmp/conf"
with_file
expect "the example" 0
sed -n 's/^#\([^# ]\)/\1/p' "$example" | grep -v '^include' >"$tmp/conf"
[ "$(wc -l <"$tmp/conf")" -gt 10 ] || bad "the example has lines to take in" "$tmp/conf"
with_file
expect "the example's settings" 0
from_it=$(grep -c "from $tmp/conf:" "$tmp/out")
if [ "$from_it" = "$(grep -c '^[a-z_]* = ' "$tmp/out")" ]; then ok "they are all options"; else
	bad "they are all options: $from_it" "$tmp/out"
fi

# The manual's example, whose folder need not be there.
awk '/^\.Bd -literal/ { on = 1; next } /^\.Ed/ { on = 0 } on' "$HM_SRCDIR/man/hakmem.conf.5" \
	>"$tmp/manual"
grep -v '^include' "$tmp/manual" >"$tmp/conf"
with_file
expect "the manual's example" 0
value_is "its preset" dirty_max 8388608
sed "s/postgres/list/; s,/usr/lib/firefox/firefox,$tmp/list," "$tmp/manual" | grep -v '^include' \
	>"$tmp/conf"
with_file
value_is "its section by name" limit_soft 2147483648
value_is "its section by path" mode passthrough
with_file HAKMEM_LIMIT_SOFT=1 HAKMEM_THP=never
value_is "what is not overridable" limit_soft 2147483648
value_is "what is" thp never

# A file named without a folder includes what stands beside it.
mkdir "$tmp/beside"
echo 'include *.part' >"$tmp/beside/main"
echo 'dirty_max = 12345' >"$tmp/beside/a.part"
run bash -c 'cd "$1" && LD_PRELOAD=$2 HAKMEM_CONFIG_FILE=main exec "$3"' - "$tmp/beside" "$lib" "$tmp/list"
value_is "included from the folder that it is in" dirty_max 12345

# Each diagnostic line of the manual is one that the library writes.
sed -n 's/^\.It "hakmem: [^:]*\(:[0-9]*\)\{0,1\}: \(.*\)"$/\2/p' "$HM_SRCDIR/man/hakmem.conf.5" |
	sort >"$tmp/documented"
mkdir "$tmp/folder"
{
	echo 'thq = never'
	echo 'thp = ever'
	echo 'thp never'
	echo '[proc:a/b]'
	echo "[proc:list]"
	echo "include $tmp/folder"
	echo "include $tmp/loop"
	echo "include $tmp/huge"
	echo "include $tmp/more.conf"
	echo "include $tmp/conf"
} >"$tmp/conf"
ln -s loop "$tmp/loop"
head -c 100000 /dev/zero | tr '\0' '\n' >"$tmp/huge"
with_file
sed -n 's/^hakmem: [^:]*\(:[0-9]*\)\{0,1\}: \(.*\)/\2/p' "$tmp/err" | sort -u >"$tmp/written"
echo 'not owned by root, or others may write to it; skipped' >>"$tmp/written" # tests/unit
sort -o "$tmp/written" "$tmp/written"
if diff "$tmp/documented" "$tmp/written" >"$tmp/why"; then ok "the manual's diagnostics"; else
	bad "the manual's diagnostics" "$tmp/why"
fi

# A program and its children: a file that breaks in all ways is nothing to them.
head -c 300000 /dev/urandom >"$tmp/conf"
run_preloaded HAKMEM_CONFIG_FILE="$tmp/conf" bash -c 'ls / >/dev/null && true | cat; (exit 3)'
expect "a shell with rubbish for a file" 3
run_preloaded HAKMEM_CONFIG_FILE="$tmp" bash -c 'true'
expect "a folder" 0
mkfifo "$tmp/fifo"
run_preloaded HAKMEM_CONFIG_FILE="$tmp/fifo" bash -c 'true'
expect "a pipe that nobody writes to" 0

# By which of its names a file was executed, when they are no symbolic links.
cp "$tmp/list" "$tmp/first" && ln "$tmp/first" "$tmp/second"
printf '%s\ndirty_max = 1\n' "[proc:$tmp/first]" >"$tmp/conf"
printf '%s\ndirty_max = 2\n' "[proc:$tmp/second]" >>"$tmp/conf"
for name in first second; do
	run env HAKMEM_CONFIG_FILE="$tmp/conf" "$tmp/$name"
	cp "$tmp/out" "$tmp/$name.out"
done
if ! cmp -s "$tmp/first.out" "$tmp/second.out" && grep -q "dirty_max.*\<1\>" "$tmp/first.out" &&
	grep -q "dirty_max.*\<2\>" "$tmp/second.out"; then
	ok "a file of two names"
else
	bad "a file of two names" "$tmp/first.out"
fi

# A set-user-ID program that is linked with the library.
set_user_id() {
	[ "$(id -u)" = 0 ] || { left_out "set-user-ID" "needs root"; return; }
	compile exec_bare
	cp "$tmp/list" "$tmp/list.suid"
	chown 65534 "$tmp/list.suid" && chmod 4755 "$tmp/list.suid"
	"$tmp/exec_bare" secure "$tmp/list.suid" ||
		{ left_out "set-user-ID" "the file system does not honour it"; return; }
	echo "dirty_max = 7" >"$tmp/conf"
	chmod 644 "$tmp/conf"
	run env HAKMEM_CONFIG_FILE="$tmp/conf" HAKMEM_THP=never "$tmp/list.suid"
	expect "set-user-ID: runs" 0
	if grep -qE "$tmp/conf|the environment" "$tmp/out"; then
		bad "set-user-ID: neither the file of a variable nor others" "$tmp/out"
	else
		ok "set-user-ID: neither the file of a variable nor others"
	fi
}
set_user_id
finish
