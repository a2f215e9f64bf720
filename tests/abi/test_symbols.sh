#!/bin/sh
# The shared library from outside: exported names, needed libraries, TLS, how it is linked.
# usage: test_symbols.sh    (HM_LIB, HM_SRCDIR, HM_OVERRIDE, HM_SANITIZE, NM as `make check` sets them)
set -u
export LC_ALL=C
lib=${HM_LIB:?} list=${HM_SRCDIR:?}/tests/abi/symbols.txt
[ -e "$lib" ] || { echo "no $lib: built without a shared library"; exit 77; }
command -v readelf >/dev/null || { echo "no readelf"; exit 77; }
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
status=0
complain() { echo "FAIL: $*"; status=1; }

# --- names ---
# shellcheck disable=SC2086
${NM:-nm} -D --defined-only "$lib" | awk '$2 != "A" { print $3 }' | sort >"$tmp/there"
grep -v '^#' "$list" >"$tmp/listed"
if [ "${HM_OVERRIDE:-1}" = 0 ]; then
	grep '^hak_' "$tmp/listed" >"$tmp/l" && mv "$tmp/l" "$tmp/listed"
fi
# Where size_t is an unsigned int, its letter in a C++ name is another.
case $(readelf -h "$lib" | sed -n 's/^ *Class: *//p') in
ELF32) sed -e 's/^_Zn\([wa]\)m/_Zn\1j/' -e 's/^_Zd\([la]\)Pvm/_Zd\1Pvj/' "$tmp/listed" |
	sort >"$tmp/l" && mv "$tmp/l" "$tmp/listed" ;;
esac
diff -u "$tmp/listed" "$tmp/there" || complain "the names differ (- wanted, + there)"
echo "$(wc -l <"$tmp/there") names"

[ "${HM_SANITIZE:-0}" = 0 ] || exit $status

# --- what is needed ---
readelf -dW "$lib" >"$tmp/dynamic" || exit 99
sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' "$tmp/dynamic" >"$tmp/needed"
while read -r name; do
	case $name in
	libc.so.6 | ld-linux*.so.* | ld64.so.*) ;;
	# Parts of libc before glibc 2.34.
	libpthread.so.0 | libdl.so.2) ;;
	*) complain "needs $name" ;;
	esac
done <"$tmp/needed"
echo "needs $(tr '\n' ' ' <"$tmp/needed")"

# --- how it is linked ---
grep -q '(SONAME).*\[libhakmem.so.1\]' "$tmp/dynamic" || complain "the soname is not libhakmem.so.1"
grep -Eq 'BIND_NOW|FLAGS_1.*NOW' "$tmp/dynamic" || complain "not -z now"
grep -Eq 'FLAGS_1.*NODELETE' "$tmp/dynamic" || complain "not -z nodelete"
grep -q '(TEXTREL)' "$tmp/dynamic" && complain "has text relocations"
readelf -lW "$lib" >"$tmp/segments" || exit 99
grep -q 'GNU_RELRO' "$tmp/segments" || complain "not -z relro"
grep 'GNU_STACK' "$tmp/segments" | grep -q 'RWE' && complain "wants an executable stack"

# --- thread-local storage: the loader keeps little room for what comes by dlopen ---
tls=$(awk '$1 == "TLS" { print $6 }' "$tmp/segments")
tls=$((${tls:-0}))
[ $tls -le 64 ] || complain "$tls bytes of TLS, at most 64"
echo "$tls bytes of TLS"
readelf -rW "$lib" | grep -Eq 'DTPMOD|DTPOFF|TLSDESC' && complain "TLS is not initial-exec"

exit $status
