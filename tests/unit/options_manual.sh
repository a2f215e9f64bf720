#!/bin/bash
# The options exist once: the table in policy/options.def, the manual and what the code reads agree.
set -u
src=${HM_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
table=$src/src/policy/options.def
status=0

complain() { echo "$*"; status=1; }

in_table=$(sed -n 's/^HM_OPTION([a-z_]*, \([A-Z_]*\),.*/HAKMEM_\1/p' "$table" | sort)
in_manual=$(sed -n 's/^\.It Ev \(HAKMEM_[A-Z_]*\)$/\1/p' "$src/man/hakmem.7" | sort)
[ -n "$in_table" ] || complain "no option found in $table"
[ "$in_table" = "$in_manual" ] ||
	complain "table and manual differ:" $(diff <(echo "$in_table") <(echo "$in_manual"))

# The numbers of the manual are those of the table: "HAKMEM_NAME default", in bytes. Only the
# build decides about prewarm.
table_defaults=$(sed -n 's/^HM_OPTION([a-z_]*, \([A-Z_]*\), NUMBER, \([0-9]*\),.*/HAKMEM_\1 \2/p' \
	"$table" | sort)
manual_defaults=$(awk '
	/^\.It Ev / { name = $3 }
	$1 == "Default" && $2 ~ /^[0-9]/ && name != "HAKMEM_PREWARM" {
		n = $2
		sub(/[.,]$/, "", n)
		unit = substr(n, length(n))
		print name, (n + 0) * (unit == "K" ? 1024 : unit == "M" ? 1048576 : 1)
	}' "$src/man/hakmem.7" | sort)
[ -n "$table_defaults" ] && [ "$table_defaults" = "$manual_defaults" ] ||
	complain "defaults differ:" $(diff <(echo "$table_defaults") <(echo "$manual_defaults"))

# Each word that an option may be is in its paragraph, and the one that it is by default.
while read -r name default words; do
	paragraph=$(awk -v it=".It Ev $name" '/^\.It Ev / { on = $0 == it } on' "$src/man/hakmem.7")
	for word in ${words//|/ }; do
		grep -qE "^\.It Cm $word$" <<<"$paragraph" || complain "$name: no $word in the manual"
	done
	grep -A1 '^Default$' <<<"$paragraph" | grep -qiE "^\.Cm ${default##*_}( |$)" ||
		complain "$name: the manual's default is not $default"
done < <(sed -n 's/^HM_OPTION([a-z_]*, \([A-Z_]*\), WORD(\(.*\)), \([A-Z_]*\),.*/HAKMEM_\1 \3 \2/p' "$table")

# Every option is read somewhere, and nothing reads one that is not there.
for name in $(sed -n 's/^HM_OPTION(\([a-z_]*\),.*/\1/p' "$table"); do
	grep -rqE "hm_options\.$name\b" "$src/src" --include='*.c' || complain "nobody reads $name"
done
# The environment is read in one file, which asks first whether it may. The programs in tools/ are
# no part of the library.
others=$(grep -rlwE '(secure_)?getenv|environ' "$src/src" --include='*.c' |
	grep -v -e policy/options.c -e /src/tools/)
[ -z "$others" ] || complain "the environment is read in $others"
grep -q 'hm_os_is_secure()' "$src/src/policy/options.c" || complain "options.c trusts everybody"
# Not on a fast path.
grep -q hm_options "$src/src/heap/cache.h" && complain "cache.h reads options"

exit $status
