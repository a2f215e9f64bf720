#!/bin/bash
# A plugin that was loaded with RTLD_DEEPBIND, as some databases, Kerberos and PAM hosts do: its
# own calls of malloc are glibc's, whatever is preloaded. What it hands to the host must be taken
# by the host's free and realloc. The contrary cannot work, with any malloc: glibc's free then gets
# a pointer that is not its own, and ends the process.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile deepbind_host
$CC -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -fno-builtin -shared -fPIC -o "$tmp/plugin.so" \
	"$src/deepbind_plugin.c" -pthread || hard_error "the plugin does not compile"

run "$tmp/deepbind_host" "$tmp/plugin.so" all
expect "on glibc's malloc" 0
run_preloaded "$tmp/deepbind_host" "$tmp/plugin.so" bound
if [ "$status" = 77 ]; then
	skip "RTLD_DEEPBIND does not reach glibc's malloc here"
fi
expect "the plugin has glibc's malloc" 0
for size in 1 24 100 1000 5000 70000 131000 200000 5000000 40000000; do
	run_preloaded "$tmp/deepbind_host" "$tmp/plugin.so" free $size
	expect "free of the plugin's block of $size" 0
	run_preloaded "$tmp/deepbind_host" "$tmp/plugin.so" realloc $size
	expect "realloc of the plugin's block of $size" 0
done
for how in thread memalign many usable; do
	run_preloaded "$tmp/deepbind_host" "$tmp/plugin.so" $how
	expect "the plugin's blocks: $how" 0
done

# glibc says so itself, or faults in its own free; never a return as if nothing had been.
run_preloaded "$tmp/deepbind_host" "$tmp/plugin.so" contrary
case $status in
134 | 139)
	grep -q RTLD_DEEPBIND "$HM_SRCDIR/README.md" || bad "the README does not say what cannot work"
	ok "the plugin frees the host's block: glibc ends the process, as the README says" ;;
*) bad "the plugin frees the host's block: exit status $status" "$tmp/err" ;;
esac
finish
