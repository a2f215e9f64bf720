#!/bin/bash
# hakmem(3), the header and the exported names are the same functions, with the same parameters;
# each has a page of its own once installed; and the examples are programs that work.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
page=$HM_SRCDIR/man/hakmem.3
header=$HM_SRCDIR/include/hakmem.h

same() { # NAME FILE FILE
	if [ -s "$2" ] && cmp -s "$2" "$3"; then ok "$1"; else
		diff "$2" "$3" >"$tmp/difference"
		bad "$1" "$tmp/difference"
	fi
}

# Prototypes, one a line, without attributes: "void *hak_malloc(size_t size)".
printf '#include <hakmem.h>\n' | $CC -E -P -I"$HM_SRCDIR/include" - | tr '\n' ' ' |
	sed -E ':a; s/__attribute__ *\(\([^()]*(\([^()]*\)[^()]*)*\)\)//; ta' | tr ';' '\n' |
	grep -oE '((const|void|int|char|size_t|hak_[a-z_]+) [ *]*)+hak_[a-z_]+ *\(.*\)' |
	sed -E 's/ +/ /g; s/ \(/(/' | sort >"$tmp/header"
# ".Ft TYPE" and ".Fn NAME PARAMETER..." of the synopsis, a parameter with blanks in quotes.
awk '/^\.Sh / { on = $2 == "SYNOPSIS" }
	on && /^\.Ft / { type = substr($0, 5) }
	on && /^\.Fn / {
		name = $2
		rest = substr($0, length(name) + 6)
		gsub(/" "/, ", ", rest)
		gsub(/"/, "", rest)
		print type (type ~ /\*$/ ? "" : " ") name "(" rest ")"
	}' "$page" | sort >"$tmp/synopsis"
same "the manual has the header's prototypes" "$tmp/header" "$tmp/synopsis"

grep -oE 'hak_[a-z_]+\(' "$tmp/header" | tr -d '(' | sort >"$tmp/names"
sed -n 's/^\(hak_[a-z_]*\)@@.*/\1/p' "$HM_SRCDIR/tests/abi/symbols.txt" | sort >"$tmp/symbols"
same "the header has the exported names" "$tmp/symbols" "$tmp/names"
sed -n 's/^\.It Fn \(hak_[a-z_]*\)$/\1/p' "$page" | sort >"$tmp/described"
same "each function is described, once" "$tmp/names" "$tmp/described"

# What a macro of the header is for stands there, too; those for the header itself do not.
for macro in HAKMEM_VERSION HAKMEM_VERSION_STRING; do
	grep -q "^#define $macro\>" "$header" && grep -q "^\.Dv $macro\>" "$page" && ok "$macro" || bad "$macro"
done

# A page for each function, which uninstalling removes.
if MAKEFLAGS='' make -C "$HM_BUILDDIR" install-man mandir=/man DESTDIR="$tmp/root" >"$tmp/log" 2>&1; then
	(cd "$tmp/root/man/man3" && ls hak_*) | sed 's/\.3$//' | sort >"$tmp/pages"
	same "each function has a page" "$tmp/names" "$tmp/pages"
	wrong=$(cd "$tmp/root/man/man3" && grep -Lx '\.so man3/hakmem\.3' hak_*)
	[ -z "$wrong" ] && [ -s "$tmp/root/man/man3/hakmem.3" ] && ok "which leads to hakmem(3)" ||
		bad "which leads to hakmem(3)" "$wrong"
	MAKEFLAGS='' make -C "$HM_BUILDDIR" uninstall-man mandir=/man DESTDIR="$tmp/root" >"$tmp/log" 2>&1
	[ -z "$(find "$tmp/root" -type f)" ] && ok "uninstalling removes them" ||
		bad "uninstalling removes them" "$(find "$tmp/root" -type f)"
else
	bad "make install-man" "$tmp/log"
fi

if command -v mandoc >/dev/null; then
	# Whether other manuals are installed here says nothing about this one.
	mandoc -Tlint "$page" 2>/dev/null | grep -v 'referenced manual not found' >"$tmp/lint"
	[ -s "$tmp/lint" ] && bad "mandoc -Tlint" "$tmp/lint" || ok "mandoc -Tlint"
else
	left_out "mandoc -Tlint" "needs mandoc"
fi

# The examples, each into a file of its own, with the page's escapes undone.
awk -v to="$tmp/example" '/^\.Sh / { on = $2 == "EXAMPLES" }
	/^\.Ed/ { inside = 0 }
	on && inside { gsub(/\\e/, "\\"); print > (to count ".c") }
	/^\.Bd -literal/ { inside = 1; count++ }' "$page"
# What each prints, as a pattern for all of it.
prints=(
	'^[2-9][0-9]{3} bytes of 2000$'
	'^[1-9][0-9]{3,} bytes given back$'
	'^made room$'
	"^hakmem $(sed -n 's/^#define HAKMEM_VERSION_STRING "\(.*\)"/\1/p' "$header")( .* = .*)+$"
	'^hakmem-prof profile$'
)
cd "$tmp" || hard_error "no folder"
count=0
for file in "$tmp"/example*.c; do
	# shellcheck disable=SC2086
	if ! $CC -std=c11 -pedantic -Wall -Wextra -Werror ${CFLAGS-} -I"$HM_SRCDIR/include" \
		-o "$tmp/example" "$file" "$lib" 2>"$tmp/err"; then
		bad "example $((count + 1)) compiles" "$tmp/err"
	else
		run env LD_LIBRARY_PATH="$tmp" "$tmp/example"
		if [ "$status" = 0 ] && [ ! -s "$tmp/err" ] &&
			tr '\n' ' ' <"$tmp/out" | sed 's/ $//' | grep -qE "${prints[count]-nothing is expected}"; then
			ok "example $((count + 1))"
		else
			cat "$tmp/out" >>"$tmp/err"
			bad "example $((count + 1)): exit status $status" "$tmp/err"
		fi
	fi
	count=$((count + 1))
done
# live objects and bytes, then all that were allocated
grep -qE '^heap profile: +10: 1[0-9]{4} \[100: 1[0-9]{5}\]' "$tmp/profile" && ok "its profile" ||
	bad "its profile" "$(head -n 3 "$tmp/profile")"
[ "$count" = "${#prints[@]}" ] && ok "$count examples" || bad "$count examples, not ${#prints[@]}"
finish
