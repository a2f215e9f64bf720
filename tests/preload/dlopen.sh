#!/bin/bash
# The library opened by a running program: its hak_ functions work beside glibc's malloc, or the
# loader says why not; and the end of threads after dlclose.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile dlopen_host

# What a busy program has loaded already, each with static TLS of its own.
mkdir "$tmp/more"
echo 'static __thread long words[2]; long *more(void); long *more(void) { return words; }' >"$tmp/more.c"
$CC -shared -fPIC -O1 -ftls-model=initial-exec -o "$tmp/more/lib1.so" "$tmp/more.c" ||
	hard_error "cannot build a library"
# other files are other libraries to the loader
for i in $(seq 2 50); do cp "$tmp/more/lib1.so" "$tmp/more/lib$i.so"; done

# Works: "works" on stdout. Failing cleanly: "refused: REASON", and the program goes on.
expect_works() { # NAME
	if [ "$status" = 0 ] && [ ! -s "$tmp/err" ] && grep -q '^works$' "$tmp/out"; then
		ok "$1"
	elif [ "$status" = 0 ] && grep -q '^refused: .*\(static TLS\|memory\)' "$tmp/out"; then
		ok "$1 ($(grep '^refused' "$tmp/out"))"
	else
		{ echo "exit status $status"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}

for how in local global lazy threads close twice fork; do
	run "$tmp/dlopen_host" $how "$lib"
	expect_works "dlopen: $how"
done
run "$tmp/dlopen_host" threads "$lib" "$tmp"/more/*.so
expect_works "dlopen after 50 others, with threads"
run "$tmp/dlopen_host" close "$lib" "$tmp"/more/*.so
expect_works "dlopen after 50 others, dlclose, thread exit"
run "$tmp/dlopen_host" namespace "$lib"
expect_works "dlmopen: a namespace of its own"
run_preloaded "$tmp/dlopen_host" threads "$lib"
expect_works "dlopen of what is preloaded"

if [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import ctypes' 2>/dev/null; then
	run /usr/bin/python3 -c 'import ctypes, threading, json, sys
l = ctypes.CDLL(sys.argv[1])
l.hak_malloc.restype = ctypes.c_void_p
l.hak_malloc.argtypes = [ctypes.c_size_t]
l.hak_free.argtypes = [ctypes.c_void_p]
def work():
    for n in range(3000):
        p = l.hak_malloc(n)
        ctypes.memset(p, 5, n)
        l.hak_free(p)
t = [threading.Thread(target=work) for _ in range(4)]
[x.start() for x in t]
[x.join() for x in t]
print("works")' "$lib"
	expect_works "python3's ctypes"
fi
finish
