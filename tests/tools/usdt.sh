#!/bin/bash
# The probes: those in the library, those in the manual and those that the scripts use agree; a
# tracer finds them and their arguments in a process.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"

scripts=("$HM_SRCDIR"/src/trace/*.bt)
in_manual=$(sed -n '/^\.Sh PROBES/,/^\.Sh FILES/s/^\.It Li \([a-z_]*\).*/\1/p' \
	"$HM_SRCDIR/man/hakmem.7" | sort)
in_source=$(grep -rhoE '\bhm_probe[23]?\([a-z_]+' "$HM_SRCDIR/src" --include='*.c' |
	sed 's/.*(//' | sort -u)
in_scripts=$(sed -n 's/^usdt:\*:hakmem:\([a-z_]*\)$/\1/p' "${scripts[@]}" | sort -u)
[ -n "$in_source" ] && [ "$in_source" = "$in_manual" ] && ok "source and manual agree" ||
	bad "source and manual agree" "$(diff <(echo "$in_source") <(echo "$in_manual"))"
[ -n "$in_scripts" ] && [ -z "$(comm -13 <(echo "$in_source") <(echo "$in_scripts"))" ] &&
	ok "the scripts use what there is" || bad "the scripts use what there is" "$in_scripts"
if command -v bpftrace >/dev/null; then
	for script in "${scripts[@]}"; do
		# It goes no further without rights, or without a process.
		bpftrace -d "$script" >"$tmp/out" 2>&1
		if grep -q '^AST after: parser' "$tmp/out" && grep -q '^ usdt:' "$tmp/out" &&
			! grep -qE '\.bt:[0-9]+:[0-9-]+: (ERROR|WARNING)' "$tmp/out"; then
			ok "bpftrace reads ${script##*/}"
		else
			bad "bpftrace reads ${script##*/}" "$tmp/out"
		fi
	done
else
	left_out "bpftrace reads the scripts" "no bpftrace"
fi

readelf -n "$lib" >"$tmp/notes" 2>/dev/null
if ! grep -q 'Provider: hakmem' "$tmp/notes"; then
	grep -q '^#define HM_USDT 0' "$HM_BUILDDIR/config.h" &&
		ok "no probe in a build without them" || bad "no probe, though configured"
	finish
fi
in_library=$(sed -n 's/^ *Name: //p' "$tmp/notes" | sort -u)
[ "$in_library" = "$in_source" ] && ok "the library has them all" ||
	bad "the library has them all" "$(diff <(echo "$in_source") <(echo "$in_library"))"

if command -v gdb >/dev/null && gdb -nx -q -batch -ex 'info probes stap' 2>&1 | grep -q 'No probes'; then
	src=$HM_SRCDIR/tests/tools
	compile gdb_host
	# 5000 blocks of 1000 bytes: refills of the class of 1024; a block of 10 MiB.
	cat >"$tmp/commands" <<-'EOS'
		set breakpoint pending on
		set startup-with-shell off
		break main
		run
		break -probe-stap hakmem:large_alloc
		commands
		silent
		printf "large_alloc %lu %d\n", (unsigned long)$_probe_arg1, $_probe_arg0 == 0
		continue
		end
		break -probe-stap hakmem:refill
		commands
		silent
		printf "refill %lu\n", (unsigned long)$_probe_arg2
		continue
		end
		continue
	EOS
	timeout -k 5 60 gdb -nx -q -batch -iex 'set auto-load off' \
		-iex 'set debuginfod enabled off' -ex "set environment LD_PRELOAD $lib" \
		-x "$tmp/commands" "$tmp/gdb_host" >"$tmp/out" 2>&1
	grep -q '^large_alloc 10485760 0$' "$tmp/out" && ok "a large block is seen" ||
		bad "a large block is seen" "$tmp/out"
	n=$(grep -c '^refill 1024$' "$tmp/out")
	# A slab has 64 of them, fewer with headers and guards.
	[ "$n" -ge 70 ] && [ "$n" -le 90 ] && ok "refills of 1 KiB are seen ($n)" ||
		bad "refills of 1 KiB are seen ($n)" "$tmp/out"
else
	left_out "what a tracer sees" "no gdb that knows probes"
fi
finish
