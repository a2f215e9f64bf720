#!/bin/bash
# hakmem-preload try: what is tried goes again by itself, whatever becomes of the one who tried it.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
. "$(dirname "$0")/preload_lib.sh"
nl=$'\n'
old="# before$nl"
state_file=$list.hakmem-trial
cp "$lib" "$tmp/libhakmem-second.so.1"

begin() { # SECONDS: a list with a comment, on trial
	rm -rf "$box" && mkdir "$box"
	printf '%s' "$old" >"$list"
	go --seconds "$1" try
	watcher=$(cut -d' ' -f1 "$state_file" 2>/dev/null)
}

over() { # NAME CONTENT: the trial ends and leaves that
	until_gone 60 "$state_file"
	until_gone 10 "$list.hakmem-lock"
	printf '%s' "$2" | cmp -s - "$list" && [ ! -e "$state_file" ] && ok "$1" || bad "$1" "$list"
}

begin 1
done_so "a trial begins" 0 "$old$lib$nl" "for 1 s"
over "and ends by itself" "$old"

begin 500
go status
done_so "status of a trial" 0 "$old$lib$nl" "s left"
go --seconds 500 try
done_so "tried twice" 0 "$old$lib$nl" "already"
refused "another library on trial" 1 'a trial is under way' \
	"$tool" --file "$list" --library "$tmp/libhakmem-second.so.1" enable
[ "$(ps -o tty= -o ppid= -o sid= -p "$watcher" | awk '{ print $1, ($2 == 1 || $2 > 1) }')" = "? 1" ] &&
	ok "the process has no terminal" || bad "the process has no terminal" "$(ps -fp "$watcher")"
kill -TERM "$watcher"
over "it ends when the process is told to" "$old"

begin 2
go keep
done_so "kept" 0 "$old$lib$nl"
while kill -0 "$watcher" 2>/dev/null; do sleep 0.1; done
printf '%s' "$old$lib$nl" | cmp -s - "$list" && ok "and it stays" || bad "and it stays" "$list"
refused "nothing to keep" 1 'there is no trial' "$tool" --file "$list" keep

begin 500
go enable
done_so "enabled in a trial" 0 "$old$lib$nl" "keeps it now"
[ ! -e "$state_file" ] && ok "which ends it" || bad "which ends it"
while kill -0 "$watcher" 2>/dev/null; do sleep 0.1; done
printf '%s' "$old$lib$nl" | cmp -s - "$list" && ok "for good" || bad "for good" "$list"

begin 500
go disable
done_so "disabled in a trial" 0 "$old"
for i in $(seq 600); do kill -0 "$watcher" 2>/dev/null || break; sleep 0.1; done
kill -0 "$watcher" 2>/dev/null && bad "the process ends with the trial" || ok "the process ends with the trial"

begin 500
printf '%s/x/other.so\n' "$old$lib$nl" >"$list"
kill -TERM "$watcher"
over "what somebody else put in stays" "$old/x/other.so$nl"

begin 500
kill -KILL "$watcher"
while kill -0 "$watcher" 2>/dev/null; do sleep 0.1; done
go status
[ "$status" = 4 ] && grep -q 'nobody ends it' "$tmp/out" && ok "a trial that nobody ends is told of" ||
	bad "a trial that nobody ends is told of" "$tmp/out"
go status --json
grep -q '"watched": false' "$tmp/out" && ok "in JSON, too" || bad "in JSON, too" "$tmp/out"
go --seconds 500 try
done_so "it may be tried again, and is in the list" 0 "$old$lib$nl" already
go keep
done_so "or kept" 0 "$old$lib$nl"

rm -rf "$box" && mkdir "$box"
go --seconds 1 try
until_gone 60 "$state_file"
[ ! -e "$list" ] && ok "where there was no list there is none" || bad "where there was no list" "$list"

# The terminal goes, and with it all that it can reach.
if command -v script >/dev/null; then
	printf '%s' "$old" >"$list"
	run script -qec "'$tool' --file '$list' --library '$lib' --seconds 2 try" /dev/null
	printf '%s' "$old$lib$nl" | cmp -s - "$list" && ok "tried from a terminal" ||
		bad "tried from a terminal" "$tmp/out"
	over "which is gone" "$old"
else
	left_out "a terminal that goes" "needs script"
fi

# What cannot be taken out at once is tried again, and is a trial until then.
begin 500
mkdir "$list.hakmem-old"
mkdir "$list.hakmem-new"
kill -TERM "$watcher"
sleep 1
[ -e "$state_file" ] && grep -qF "$lib" "$list" && ok "a trial that cannot end stays one" ||
	bad "a trial that cannot end stays one" "$list"
rmdir "$list.hakmem-old" "$list.hakmem-new"
over "and ends as soon as it can" "$old"

# Nobody can be left behind to end it: then it does not begin.
rm -rf "$box" && mkdir "$box" && mkdir "$state_file"
refused "no room for a trial" 1 'Is a directory' "$tool" --file "$list" --library "$lib" try
finish
