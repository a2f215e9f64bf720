#!/bin/bash
# Preloaded into programs that bring a malloc of their own: sanitizers, and valgrind.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
[ -z "$fast" ] || skip "not in the fast part: what it shows does not depend on the build mode"
cat >"$tmp/some.c" <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *work(void *arg)
{
	char *keep[50] = { NULL };
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)i * 31 % 5000 + (i % 500 == 0 ? 3000000 : 0);
		free(keep[i % 50]);
		keep[i % 50] = memset(malloc(n + 1), i, n + 1);
	}
	for (int i = 0; i < 50; i++)
		free(keep[i]);
	return arg;
}
int main(void)
{
	pthread_t t[3];
	char *s = strdup("text");
	void *p = NULL;
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, work, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	s = realloc(s, 100000);
	if (posix_memalign(&p, 4096, 100) != 0)
		return 1;
	free(p);
	puts(s);
	free(s);
	return 0;
}
END

# build NAME COMPILER FLAG...
build() {
	local name=$1
	shift
	# shellcheck disable=SC2086
	"$@" -O1 -gdwarf-4 -o "$tmp/$name" "$tmp/some.c" -pthread 2>/dev/null && "$tmp/$name" >/dev/null 2>&1
}

# gcc's address sanitizer is a shared library that insists on being the first.
if build asan gcc -fsanitize=address; then
	run_preloaded "$tmp/asan"
	if [ "$status" != 0 ] && grep -q 'ASan runtime does not come first' "$tmp/err" &&
		! grep -q hakmem: "$tmp/err"; then
		ok "gcc's address sanitizer refuses, as the README says"
	else
		bad "gcc's address sanitizer: exit status $status" "$tmp/err"
	fi
	grep -qi 'address sanitizer' "$HM_SRCDIR/README.md" || bad "the README does not say so"
	asan=$(gcc -print-file-name=libasan.so)
	run env LD_PRELOAD="$(readlink -f "$asan") $lib" "$tmp/asan"
	expect "with the sanitizer's library before ours" 0
else
	left_out "gcc's address sanitizer" "not there"
fi

# The others, and clang's, which are part of the program.
for sanitizer in gcc:undefined gcc:thread clang:address clang:undefined clang:thread; do
	name="$sanitizer sanitizer"
	if ! command -v "${sanitizer%:*}" >/dev/null ||
		! build other "${sanitizer%:*}" "-fsanitize=${sanitizer#*:}"; then
		left_out "$name" "not there"
		continue
	fi
	run_preloaded "$tmp/other"
	if [ "$sanitizer" = gcc:thread ] && [ "$status" != 0 ]; then
		# When some other malloc is first, whichever, it faults as it sets itself up, or
		# sees races, since it does not see what malloc and free order.
		thread=$(gcc -print-file-name=libtsan.so)
		run env LD_PRELOAD="$(readlink -f "$thread") $lib" "$tmp/other"
		expect "$name: with its library before ours" 0
		grep -qi 'thread sanitizer' "$HM_SRCDIR/README.md" || bad "the README does not say so"
	else
		expect "$name: runs" 0
	fi
done

if ! command -v valgrind >/dev/null; then
	left_out valgrind "not there"
	finish
fi
build some "$CC" || hard_error "the program does not build"
valgrind="timeout -k 5 120 valgrind -q --error-exitcode=99"
$valgrind "$tmp/some" >/dev/null 2>&1 || { left_out valgrind "does not run here"; finish; }
# memcheck puts its own malloc in place of any that is called malloc.
run_preloaded $valgrind --leak-check=full "$tmp/some"
expect "valgrind's memcheck in its usual way" 0
# none, and memcheck told to leave it alone, run ours.
run_preloaded $valgrind --tool=none "$tmp/some"
expect "valgrind without a tool: our code" 0
run_preloaded valgrind -q --soname-synonyms=somalloc=nouserintercepts "$tmp/some"
if [ "$status" = 0 ] && grep -q '^text' "$tmp/out" && ! grep -q hakmem: "$tmp/err"; then
	ok "memcheck told to leave our malloc alone"
else
	bad "memcheck told to leave our malloc alone: exit status $status" "$tmp/err"
fi
finish
