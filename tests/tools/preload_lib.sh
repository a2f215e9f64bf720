# Sourced by the tests of hakmem-preload, after tests/preload/lib.sh: the program, a list of their own,
# what is expected of a run.
tool=$HM_BUILDDIR/hakmem-preload
[ -x "$tool" ] || hard_error "no program at $tool"
root=
[ "$(id -u)" != 0 ] || root=yes
box=$tmp/box
list=$box/list
mkdir "$box"

go() { run "$tool" --file "$list" --library "$lib" "$@"; }

show_why() { # TEXT
	{ echo "exit status $status, wanted: $1"
		cat "$tmp/out" "$tmp/err"
		ls -l "$box"
		cat "$list"; } >"$tmp/why" 2>&1
}

# done_so NAME STATUS CONTENT [OUTPUT]: nothing on stderr, and that is in the list.
done_so() {
	printf '%s' "$3" >"$tmp/expected"
	if [ "$status" = "$2" ] && [ ! -s "$tmp/err" ] && cmp -s "$tmp/expected" "$list" &&
		grep -qF -- "${4-}" "$tmp/out"; then
		ok "$1"
	else
		show_why "$2, a list of: $3"
		bad "$1" "$tmp/why"
	fi
}

# What is in the box: names, modes and contents.
state() {
	(cd "$box" && ls -lan --time-style=+ . && find . -type f -exec cat {} +) 2>/dev/null |
		tr '\0' '?' | grep -v '^total'
}

# refused NAME STATUS TEXT COMMAND...: one line that has TEXT, and nothing has changed.
refused() {
	local name=$1 wanted=$2 text=$3 before
	shift 3
	before=$(state)
	run "$@"
	if [ "$status" = "$wanted" ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		grep -qF -- "$text" "$tmp/err" && [ "$(state)" = "$before" ]; then
		ok "$name"
	else
		show_why "$wanted, nothing changed, and a line with: $text"
		bad "$name" "$tmp/why"
	fi
}

# until_gone SECONDS FILE
until_gone() {
	local i
	for i in $(seq $(($1 * 20))); do
		[ -e "$2" ] || return 0
		sleep 0.05
	done
	return 1
}
