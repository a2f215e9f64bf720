#!/bin/bash
# The options exist once: the tables in src/policy, the manual pages, the example file, the listing
# of the library and what the code reads agree.
set -u
src=${HM_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
table=$src/src/policy/options.def
status=0
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

complain() { echo "$*"; status=1; }

in_table=$({
	sed -n 's/^HM_OPTION([a-z_]*, \([A-Z_]*\),.*/HAKMEM_\1/p' "$table"
	sed -n 's/^HM_ALIAS(\([A-Z_]*\),.*/HAKMEM_\1/p' "$src/src/policy/aliases.def"
	echo HAKMEM_CONFIG_FILE # no option
} | sort)
in_manual=$(sed -n 's/^\.It Ev \(HAKMEM_.*\)$/\1/p' "$src/man/hakmem.7" | sed 's/ , /\n/g' | sort)
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
	grep -v -e policy/environment.c -e /src/tools/)
[ -z "$others" ] || complain "the environment is read in $others"
grep -q 'hm_os_is_secure()' "$src/src/policy/environment.c" ||
	complain "environment.c trusts everybody"
# Not on a fast path.
grep -q hm_options "$src/src/heap/cache.h" && complain "cache.h reads options"

# hakmem.conf(5) has the table's rows, in its order: key, values, default, at run time.
rows() {
	awk '
	function unit(n) {
		if (n == 0 || n % 1048576 != 0) return n
		return n % 1073741824 == 0 ? n / 1073741824 "G" : n / 1048576 "M"
	}
	/^HM_OPTION\(/ { row = ""; open = 1 }
	open { sub(/^[ \t]+/, " "); row = row $0 }
	open && /"\)$/ {
		open = 0
		gsub(/, +/, ",", row)
		split(row, f, ",")
		sub(/HM_OPTION\(/, "", f[1])
		if (f[3] == "BOOL") {
			values = "switch"; value = f[4] ? "on" : "off"
		} else if (f[3] == "NUMBER") {
			values = unit(f[5]) " to " unit(f[6])
			value = f[4] == "HM_PREWARM" ? 0 : unit(f[4])
		} else if (f[3] ~ /^WORD/) {
			values = substr(f[3], 6, length(f[3]) - 6); gsub(/\|/, ", ", values)
			value = tolower(f[4]); sub(/.*_/, "", value)
		} else {
			values = "text"; value = "none"
		}
		print f[1] "|" values "|" value "|" (f[7] == "RUNTIME" ? "yes" : "no")
	}' "$table"
}
rows >"$tmp/table"
sed -n 's/^\.It Cm \([a-z_]* Ta .*\)$/\1/p' "$src/man/hakmem.conf.5" | sed 's/ Ta /|/g' \
	>"$tmp/manual"
[ "$(wc -l <"$tmp/table")" = "$(grep -c '^HM_OPTION(' "$table")" ] && [ -s "$tmp/table" ] ||
	complain "options.def is not as this test reads it"
diff "$tmp/table" "$tmp/manual" || complain "options.def and hakmem.conf(5) differ"

# Each setting of a preset has its reason there, and no other is there.
sed -n 's/^HM_PRESET(\([a-z]*\), \([a-z_]*\), "\(.*\)")$/\1: \2 = \3/p' \
	"$src/src/policy/presets.def" >"$tmp/table_presets"
awk '/^\.Sh / { on = $2 == "PRESETS" }
	on && /^\.It Cm / { preset = $3 }
	on && /^\.It Li / { sub(/^\.It Li /, ""); print preset ": " $0; getline reason
		if (reason ~ /^\./) print preset " has no reason for it" }' \
	"$src/man/hakmem.conf.5" >"$tmp/manual_presets"
[ -s "$tmp/table_presets" ] && diff "$tmp/table_presets" "$tmp/manual_presets" ||
	complain "presets.def and hakmem.conf(5) differ"

# The example has each option with its default.
while IFS='|' read -r name values value _; do
	[ "$values" != text ] || value='.*' # any that may be
	grep -qx "#$name = $value" "$src/doc/hakmem.conf.example" ||
		complain "the example has no \"#$name = $value\""
done <"$tmp/table"

# The library's own listing: the same options in the same order, with these defaults.
if [ "${HM_SANITIZE:-0}" = 0 ] && [ -e "${HM_LIB:-}" ]; then
	cat >"$tmp/list.c" <<-'END'
		#include <hakmem.h>
		int main(void) { hak_option_list(1); return 0; }
	END
	# shellcheck disable=SC2086
	$CC $CFLAGS -I"$src/include" -o "$tmp/list" "$tmp/list.c" "$HM_LIB" ||
		complain "no program to list them"
	env -i LD_LIBRARY_PATH="$(dirname "$HM_LIB")" "$tmp/list" >"$tmp/listing"
	sed -n 's/^\(# \)\{0,1\}\([a-z_]*\) = .*/\2/p' "$tmp/listing" >"$tmp/listed"
	cut -d'|' -f1 "$tmp/table" | diff - "$tmp/listed" || complain "the listing differs"
	while IFS='|' read -r name _ value when; do
		[ "$name" != prewarm ] || value=${HM_PREWARM:-0}
		case $value in
		*G) value=$((${value%G} * 1073741824)) ;;
		*M) value=$((${value%M} * 1048576)) ;;
		none) [ "$name" = preset ] || value= ;;
		esac
		about=$(grep -xB1 -e "$name = $value" -e "# $name = $value" "$tmp/listing" | head -n 1)
		# Where the system has a file, it may say otherwise.
		[ -n "$about" ] || grep -B1 "^$name = " "$tmp/listing" | grep -q 'hakmem.conf:' ||
			complain "listing: $name is not $value"
		case $about in
		*"may change at run time"*) [ "$when" = yes ] ;;
		*) [ "$when" = no ] || [ -z "$about" ] ;;
		esac || complain "listing: $name, at run time"
	done <"$tmp/table"
fi

exit $status
