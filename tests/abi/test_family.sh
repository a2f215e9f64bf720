#!/bin/sh
# The standard names, preloaded, linked, and in a static program.
set -u
[ "${HM_OVERRIDE:-1}" = 1 ] || { echo "this build overrides nothing"; exit 77; }
src=${HM_SRCDIR:?}/tests/abi/family.c
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
status=0 ran=0
builtin='-fno-builtin -O1 -std=gnu11'

run() { # WHAT COMMAND...
	what=$1
	shift
	ran=$((ran + 1))
	if "$@"; then echo "$what: pass"; else echo "$what: FAIL"; status=1; fi
}

build() { # OUTPUT ARGUMENTS...
	# shellcheck disable=SC2086
	"${CC:-cc}" $builtin "$src" -o "$@" 2>"$tmp/cc" || { cat "$tmp/cc"; return 1; }
}

# A program without the library has no free_sized before glibc 2.43: weak there, found at run time.
if build "$tmp/plain" && [ -e "${HM_LIB:?}" ]; then
	run preloaded env LD_PRELOAD="$HM_LIB" "$tmp/plain"
	if command -v xmllint >/dev/null; then
		FAMILY_PRINT_INFO=1 LD_PRELOAD="$HM_LIB" "$tmp/plain" >"$tmp/info.xml"
		run 'malloc_info parses' xmllint --noout "$tmp/info.xml"
	elif command -v python3 >/dev/null; then
		FAMILY_PRINT_INFO=1 LD_PRELOAD="$HM_LIB" "$tmp/plain" >"$tmp/info.xml"
		run 'malloc_info parses' python3 -c \
			'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$tmp/info.xml"
	fi
	if build "$tmp/linked" "$HM_LIB" "-Wl,-rpath,$(dirname "$HM_LIB")"; then
		run linked "$tmp/linked"
	fi
fi

# Static: no name of the family may come from libc.a, or the link fails.
if [ ! -e "${HM_STATIC_LIB:?}" ]; then
	echo "static: no libhakmem.a in this build"
elif ! echo 'int main(void) { return 0; }' | ${CC:-cc} -static -x c - -o "$tmp/try" 2>/dev/null; then
	echo "static: no static libc here"
elif build "$tmp/static" -static "$HM_STATIC_LIB"; then
	run static "$tmp/static"
else
	echo "static: FAIL to link"
	status=1
fi
[ $ran -gt 0 ] || { echo "nothing could be built"; exit 77; }
exit $status
