#!/bin/bash
# The manual pages of the programs: mandoc finds nothing to say, each example runs, each option is
# described, and bash completes them.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
for program in hakmem-run hakmem-ctl hakmem-doctor hakmem-preload hakmem-prof; do
	[ -x "$HM_BUILDDIR/$program" ] || hard_error "no program at $HM_BUILDDIR/$program"
done
man=$HM_SRCDIR/man
mkdir "$tmp/bin" "$tmp/here"

# As installed, but with this build's library and a list of its own.
printf '#!/bin/sh\nexec %q --library %q "$@"\n' "$HM_BUILDDIR/hakmem-run" "$lib" >"$tmp/bin/hakmem-run"
printf '#!/bin/sh\nexec %q --file %q --library %q "$@"\n' "$HM_BUILDDIR/hakmem-preload" \
	"$tmp/here/list" "$lib" >"$tmp/bin/hakmem-preload"
printf '#!/bin/sh\nexec %q --library %q "$@"\n' "$HM_BUILDDIR/hakmem-doctor" "$lib" >"$tmp/bin/hakmem-doctor"
ln -s "$HM_BUILDDIR/hakmem-prof" "$tmp/bin/hakmem-prof"
ln -s "$HM_BUILDDIR/hakmem-ctl" "$tmp/bin/hakmem-ctl"
chmod 755 "$tmp/bin"/*
seq 20000 | sort -R --random-source="$lib" >"$tmp/here/words.txt"

if command -v mandoc >/dev/null; then
	for page in hakmem-run.1 hakmem-ctl.1 hakmem-doctor.1 hakmem-preload.8 hakmem-prof.1; do
		# Whether other manuals are installed here says nothing about these.
		mandoc -Tlint "$man/$page" 2>/dev/null | grep -v 'referenced manual not found' >"$tmp/lint"
		[ -s "$tmp/lint" ] && bad "mandoc -Tlint $page" "$tmp/lint" || ok "mandoc -Tlint $page"
	done
else
	left_out "mandoc -Tlint" "needs mandoc"
fi

# The lines of EXAMPLES, without the quotes that mdoc wants around one with a special character.
examples() { sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/s/^\.Dl //p' "$man/$1" | sed 's/^"\(.*\)"$/\1/'; }
cd "$tmp/here" || exit 99
for page in hakmem-run.1 hakmem-ctl.1 hakmem-doctor.1 hakmem-preload.8 hakmem-prof.1; do
	count=0
	while read -r line; do
		count=$((count + 1))
		PATH=$tmp/bin:$PATH run bash -c "$line"
		if [ "$status" = 0 ] && { [ -s "$tmp/out" ] || [ -s "$tmp/err" ]; }; then ok "$line"; else
			cat "$tmp/out" >>"$tmp/err"
			bad "$line: exit status $status" "$tmp/err"
		fi
	done < <(examples $page)
	[ $count -gt 3 ] || bad "$page has examples"
done
[ ! -e "$tmp/here/list" ] && ok "the examples leave the system as it was" || bad "the examples' list" "$tmp/here/list"

# --help, the manual and the completion have the same long options.
for program in run:1 ctl:1 doctor:1 preload:8 prof:1; do
	name=hakmem-${program%:*}
	"$HM_BUILDDIR/$name" --help | grep -oE '^ .{0,8}--[a-z-]+' | grep -oE '\-\-[a-z-]+' | sort -u >"$tmp/help"
	sed -n 's/^\.It \(Fl.*\)/\1/p' "$man/$name.${program#*:}" | grep -oE 'Fl -[a-z][a-z-]+|, -[a-z][a-z-]+' |
		sed 's/.* -/--/' | sort -u >"$tmp/manual"
	grep -oE '\-\-[a-z-]+' "$HM_SRCDIR/completions/$name" | sort -u >"$tmp/completion"
	[ -s "$tmp/help" ] && cmp -s "$tmp/help" "$tmp/manual" && ok "$name: the manual has the options of --help" ||
		bad "$name: the manual has the options of --help" "$(diff "$tmp/help" "$tmp/manual")"
	missing=$(comm -23 "$tmp/help" "$tmp/completion")
	[ -z "$missing" ] && ok "$name: completion has them" || bad "$name: completion has them" "$missing"
done

complete_words() { # WORD...: what bash offers for the last one
	PATH=$tmp/bin:$PATH bash --norc -c '
		. "$1/hakmem-run"; . "$1/hakmem-ctl"; . "$1/hakmem-doctor"; . "$1/hakmem-preload"; . "$1/hakmem-prof"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		case $1 in hakmem-run) _hakmem_run ;; hakmem-ctl) _hakmem_ctl ;; hakmem-doctor) _hakmem_doctor ;; hakmem-prof) _hakmem_prof ;; *) _hakmem_preload ;; esac 2>/dev/null
		printf "%s\n" "${COMPREPLY[@]}"' bash "$HM_SRCDIR/completions" "$@"
}
offers() { # EXPECTED WORD...
	local expected=$1
	shift
	complete_words "$@" >"$tmp/offers"
	grep -qxF -- "$expected" "$tmp/offers" && ok "completion: $* -> $expected" ||
		bad "completion: $* -> $expected" "$tmp/offers"
}
offers --compare hakmem-run --com
offers sort hakmem-run sor
offers dirty_max= hakmem-run -o dirty
offers sort hakmem-run -o dirty_max = 8M sor
offers words.txt hakmem-run sort wor
offers words.txt hakmem-run --stats = json sort wor
offers "$tmp/libhakmem.so.1" hakmem-run -l "$tmp/libh"
offers list hakmem-ctl li
offers "$$" hakmem-ctl "$$"
offers purge hakmem-ctl 1 pur
offers words.txt hakmem-ctl 1 dump wor
offers start hakmem-ctl 1 profile st
offers words.txt hakmem-ctl 1 profile dump wor
offers --program hakmem-doctor --pro
offers "$$" hakmem-doctor "$$"
offers "$tmp/here" hakmem-doctor --root "$tmp/he"
offers disable hakmem-preload dis
offers folded hakmem-prof -f fo
offers words.txt hakmem-prof wor
offers sort hakmem-run --profile words.svg sor
offers --root hakmem-preload --ro
offers "$tmp/here" hakmem-preload --root "$tmp/he"
finish
