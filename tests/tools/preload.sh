#!/bin/bash
# hakmem-preload on a list of its own: what it changes, keeps and refuses.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
. "$(dirname "$0")/preload_lib.sh"
src=$HM_SRCDIR/tests/tools
how=0
for name in crashes prints hangs exits lacks fails_in_force plain; do
	$CC -shared -fPIC -fno-builtin -DHOW=$how -o "$tmp/$name.so" "$src/broken.c" 2>"$tmp/log" ||
		{ cat "$tmp/log"; hard_error "broken.c does not compile"; }
	chmod 755 "$tmp/$name.so"
	how=$((how + 1))
done
nl=$'\n'

contents() {
	go status
	[ "$status" = 3 ] && ok "status without a list" || bad "status without a list" "$tmp/out"
	go enable
	done_so "a first entry" 0 "$lib$nl" "programs started from now on use it"
	[ "$(stat -c %a "$list")" = 644 ] && ok "every user may read it" || bad "every user may read it"
	go enable
	done_so "enabled twice" 0 "$lib$nl" already
	go status
	done_so "status" 0 "$lib$nl" "entry	$lib	loads	hakmem"
	go disable
	[ "$status" = 0 ] && [ ! -e "$list" ] && ok "disabled: there is no list" ||
		bad "disabled: there is no list" "$tmp/err"
	go disable
	[ "$status" = 0 ] && grep -q 'does not name' "$tmp/out" && ok "disabled twice" ||
		bad "disabled twice" "$tmp/out"
	[ "$(cat "$list.hakmem-backup")" = "$lib" ] && ok "what was is kept" || bad "what was is kept"

	printf '# ours\n%s\t# why' "$tmp/plain.so" >"$list" && chmod 640 "$list"
	go enable
	done_so "others and comments stay; the last line ends" 0 "# ours$nl$tmp/plain.so	# why$nl$lib$nl"
	[ "$(stat -c %a "$list")" = 640 ] && ok "so does the mode" || bad "so does the mode"
	printf '# ours\n%s\t# why' "$tmp/plain.so" | cmp -s - "$list.hakmem-backup" &&
		ok "a copy is kept" || bad "a copy is kept" "$list.hakmem-backup"
	go status
	done_so "status of several" 0 "# ours$nl$tmp/plain.so	# why$nl$lib$nl" "plain.so	loads	other"
	go disable
	done_so "disable leaves them" 0 "# ours$nl$tmp/plain.so	# why$nl"
	printf '%s:/old/libhakmem.so.1 /old/libhakmem-x.so\n# libhakmem.so.1\n\n' "$tmp/plain.so" >"$list"
	go enable
	done_so "older entries are replaced" 0 "$tmp/plain.so$nl# libhakmem.so.1$nl$nl$lib$nl"
	printf '%s\n%s\n' "$lib" "$lib" >"$list"
	go enable
	done_so "twice in the list" 0 "$lib$nl"
	printf ' \t/a/libhakmem.so.1#c\n%s\n/b/libhakmem.so.2' "$tmp/plain.so" >"$list"
	go disable
	done_so "beside a comment, and in a last line without end" 0 " #c$nl$tmp/plain.so$nl"
	printf 'one:/a/libhakmem.so.1:two\n/a/libhakmem.so.1 three\nfour /a/libhakmem.so.1\n' >"$list"
	go disable
	done_so "between others" 0 "one:two${nl}three${nl}four$nl"
	printf '/x/libhakmemory.txt /x/hakmem.so\n' >"$list"
	go disable
	done_so "what is only called alike stays" 0 "/x/libhakmemory.txt /x/hakmem.so$nl"
	rm -f "$list"
	attribute() { # NAME FILE [VALUE]: is set, or shown
		python3 -c 'import os, sys
n, f, *v = sys.argv[1:]
os.setxattr(f, n, v[0].encode()) if v else print(os.getxattr(f, n).decode())' "$@" 2>/dev/null
	}
	echo >"$list"
	if attribute user.hakmem "$list" kept; then
		attribute security.ima "$list" signed
		go enable
		[ "$(attribute user.hakmem "$list")" = kept ] &&
			ok "attributes stay" || bad "attributes stay" "$tmp/err"
		[ -z "$(attribute security.ima "$list")" ] &&
			ok "signatures of the contents do not" || bad "signatures of the contents do not"
	else
		left_out attributes "no python3, or not on this file system"
	fi
	rm -rf "$box" && mkdir "$box"
	run sh -c "'$tool' --file '$list' -l '$lib' enable <&- >&- 2>&-"
	printf '%s\n' "$lib" | cmp -s - "$list" && ok "without standard files" ||
		bad "without standard files" "$list"
}

broken() {
	local t
	echo "$tmp/plain.so" >"$list"
	go enable
	t=$(cat "$list")
	echo text >"$tmp/text.so"
	head -c 2000 "$lib" >"$tmp/cut.so"
	cp "$lib" "$tmp/foreign.so" && printf '\267\000' | dd of="$tmp/foreign.so" bs=1 seek=18 conv=notrunc 2>/dev/null
	cp "$lib" "$tmp/class.so" && printf '\001' | dd of="$tmp/class.so" bs=1 seek=4 conv=notrunc 2>/dev/null
	try_with() { # LIBRARY TEXT
		refused "refused: ${1##*/}" 1 "$2" "$tool" --file "$list" --library "$1" enable
	}
	try_with "$tmp/nosuch.so" 'nosuch.so: refused: No such file'
	try_with "$tmp" 'not a shared library'
	try_with "$tmp/text.so" 'not a shared library'
	mkfifo "$tmp/pipe.so" && try_with "$tmp/pipe.so" 'not a shared library'
	try_with "$tmp/cut.so" 'not a shared library'
	try_with "$tmp/foreign.so" 'for another architecture'
	try_with "$tmp/class.so" 'for another architecture'
	try_with "$tmp/plain.so" 'it lacks malloc'
	try_with "$tmp/crashes.so" 'with it /bin/true ends by signal 11'
	try_with "$tmp/prints.so" 'with it /bin/true prints something else: hello'
	try_with "$tmp/exits.so" 'with it /bin/sh exits with 0, not 3'
	try_with "$tmp/lacks.so" 'hakmem_nosuch_function'
	[ -n "$fast" ] || try_with "$tmp/hangs.so" 'with it /bin/true does not end'
	try_with libhakmem.so.1 'not a full path'
	try_with "$tmp/a b.so" 'not a full path'
	chmod 700 "$tmp/text.so"
	cp "$lib" "$tmp/private.so" && chmod 700 "$tmp/private.so"
	try_with "$tmp/private.so" 'not every user may read it'
	cp "$lib" "$tmp/open.so" && chmod 777 "$tmp/open.so"
	try_with "$tmp/open.so" 'open.so can be changed by others'
	mkdir "$tmp/open" "$tmp/closed" && cp -p "$lib" "$tmp/open" && cp -p "$lib" "$tmp/closed"
	chmod 777 "$tmp/open" && chmod 700 "$tmp/closed"
	try_with "$tmp/open/libhakmem.so.1" 'open can be changed by others'
	try_with "$tmp/closed/libhakmem.so.1" 'not every user may enter'
	without_proc=(unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh)
	if "${without_proc[@]}" true 2>/dev/null; then
		refused "without /proc" 1 'open can be changed by others' "${without_proc[@]}" \
			"$tool" --file "$list" --library "$tmp/open/libhakmem.so.1" enable
		refused "without /proc, below a root" 1 'without /proc nobody can tell' "${without_proc[@]}" \
			"$tool" --root / --file "$list" --library "$tmp/open/libhakmem.so.1" enable
	else
		left_out "without /proc" "no mount namespace can be made"
	fi
	[ "$(cat "$list")" = "$t" ] && ok "the list is as it was" || bad "the list is as it was" "$list"
	cp "$lib" "$tmp/rival.so"
	echo "$tmp/rival.so" >"$list"
	refused "another allocator in the list" 1 'rival.so, in the list already, is an allocator' \
		"$tool" --file "$list" --library "$lib" enable
	echo "$tmp/gone/libhakmem.so.1" >"$list"
	go status
	[ "$status" = 4 ] && grep -q 'missing' "$tmp/out" && ok "status of a dangling entry" ||
		bad "status of a dangling entry" "$tmp/out"
	rm -f "$list"
}

odd_lists() {
	enable=("$tool" --file "$list" --library "$lib" enable)
	disable=("$tool" --file "$list" disable)
	echo /a/libhakmem.so.1 >"$box/real" && ln -s real "$list"
	refused "a symbolic link" 1 'a symbolic link' "${enable[@]}"
	refused "a symbolic link, disable" 1 'a symbolic link' "${disable[@]}"
	rm "$list" && ln -s nowhere "$list"
	refused "a dangling symbolic link" 1 'a symbolic link' "${enable[@]}"
	rm "$list" "$box/real" && mkdir "$list"
	refused "a folder" 1 'not a regular file' "${enable[@]}"
	rmdir "$list" && mkfifo "$list"
	refused "a fifo" 1 'not a regular file' "${disable[@]}"
	rm "$list" && printf 'a\0b' >"$list"
	refused "binary data" 1 'it has binary data' "${enable[@]}"
	head -c 70000 /dev/zero | tr '\0' '#' >"$list"
	refused "a huge list" 1 'too large' "${enable[@]}"
	rm "$list"
	refused "a folder that is not there" 1 'its folder: No such file' \
		"$tool" --file "$box/no/list" --library "$lib" enable
	refused "no file's name" 1 'not the name of a file' "$tool" --file "$box/" --library "$lib" enable
	: >"$list"
	go enable
	done_so "an empty list" 0 "$lib$nl"
	chmod 444 "$list"
	go disable
	[ "$status" = 0 ] && [ ! -e "$list" ] && ok "a read-only list" || bad "a read-only list"
}

# Without room or permission: a line, and the list is what it was.
no_room() {
	local long
	long=$(printf '# %01000d\n' 1 2 3 4 5 6)
	printf '%s\n' "$long" >"$list"
	refused "a file that may not grow" 1 'File too large' \
		bash -c "ulimit -f 4; '$tool' --file '$list' --library '$lib' enable"
	# What is not needed to run must not be needed to get out.
	printf '%s\n' "$lib" >"$list"
	run bash -c "ulimit -f 0; '$tool' --file '$list' disable >/dev/null 2>&1"
	[ "$status" = 0 ] && [ ! -e "$list" ] && ok "disable needs no room" || bad "disable needs no room" "$tmp/err"
	if [ -z "$root" ]; then
		echo "$tmp/plain.so" >"$list" && chmod 555 "$box"
		refused "a folder that is read-only" 1 'cannot be changed: Permission denied' \
			"$tool" --file "$list" --library "$lib" enable
		chmod 755 "$box"
		chmod 0 "$list"
		refused "a list that may not be read" 1 'Permission denied' "$tool" --file "$list" disable
		chmod 644 "$list" && rm "$list"
		left_out "a full disk, a read-only one, an immutable file" "needs root"
		return
	fi
	echo "$tmp/plain.so" >"$list"
	refused "without permission" 1 'cannot be changed: Permission denied' \
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$tool" --file "$list" --library "$lib" enable
	if chattr +i "$list" 2>/dev/null; then
		refused "an immutable list" 1 'it is immutable' "$tool" --file "$list" --library "$lib" enable
		echo /a/libhakmem.so.1 >"$box/list2" && chattr +i "$box/list2"
		refused "an immutable list, disable" 1 'it is immutable' "$tool" --file "$box/list2" disable
		chattr -i "$list" "$box/list2" && rm "$box/list2"*
	else
		left_out "an immutable list" "chattr does not work here"
	fi
	rm -rf "$box" && mkdir "$box"
	full_disk
}

full_disk() {
	if ! mount -t tmpfs -o size=64k none "$box" 2>/dev/null; then
		left_out "a full disk" "no tmpfs can be mounted"
		return
	fi
	chmod 755 "$box"
	echo "$tmp/plain.so" >"$list"
	cat /dev/zero >"$box/filler" 2>/dev/null
	refused "a full disk" 1 'No space left' "$tool" --file "$list" --library "$lib" enable
	refused "a full disk, try" 1 'No space left' "$tool" --file "$list" --library "$lib" try
	rm "$box/filler"
	go enable
	cat /dev/zero >"$box/filler" 2>/dev/null
	rm -f "$list" && echo "$lib" >"$list"
	mount -o remount,ro "$box"
	refused "a read-only disk" 1 'Read-only file system' "$tool" --file "$list" disable
	umount "$box"
}

several() {
	local i pids=()
	echo "$tmp/plain.so" >"$list"
	for i in 1 2 3 4; do
		(for j in 1 2 3; do
			"$tool" --file "$list" --library "$lib" enable || exit 1
			"$tool" --file "$list" disable || exit 1
		done) >"$tmp/several.$i" 2>&1 &
		pids+=($!)
	done
	# Whoever looks sees one of the two lists, whole.
	for i in $(seq 400); do cat "$list"; done >"$tmp/seen" 2>&1
	status=0
	for i in "${pids[@]}"; do wait "$i" || status=1; done
	[ "$status" = 0 ] && [ "$(cat "$list")" = "$tmp/plain.so" ] && ok "several at once" ||
		bad "several at once" "$(cat "$tmp"/several.*)"
	sort -u "$tmp/seen" | grep -vxF -e "$tmp/plain.so" -e "$lib" >"$tmp/odd"
	[ "$(grep -cxF "$tmp/plain.so" "$tmp/seen")" = 400 ] && [ ! -s "$tmp/odd" ] &&
		ok "and each reader sees a whole list" || bad "and each reader sees a whole list" "$tmp/odd"
	[ "$(ls "$box" | xargs)" = "list list.hakmem-backup" ] && ok "nothing is left behind" ||
		bad "nothing is left behind" "$(ls "$box")"
	rm -rf "$box" && mkdir "$box"
}

words() {
	local w
	for w in '' 'nosuch' 'enable disable' '--seconds 5 enable' '--json enable' '--seconds 0 try' \
		'--seconds x try' '--seconds 86401 try' '--nosuch status'; do
		run "$tool" --file "$list" $w
		[ "$status" = 2 ] && [ "$(tail -n 1 "$tmp/err" | wc -l)" = 1 ] && ok "usage: $w" ||
			bad "usage: $w" "$tmp/err"
	done
	for w in --help --version; do
		run "$tool" $w
		expect "$w" 0
	done
	go enable
	go status --json
	if command -v python3 >/dev/null; then
		python3 -c 'import json, sys
got = json.load(open(sys.argv[1]))
assert got["enabled"] is True and got["trial"] is None and got["file"] == sys.argv[2], got
assert got["entries"] == [{"library": sys.argv[3], "hakmem": True, "loads": True}], got' \
			"$tmp/out" "$list" "$lib" >"$tmp/why" 2>&1 && ok "status --json" || bad "status --json" "$tmp/why"
		# Half a pair of UTF-16, and forms that are too long, are no UTF-8; the rest is.
		run "$tool" --file "$tmp/$(printf '\355\240\200\340\200\200\364\220\200\200\303\251')" status --json
		python3 -c 'import json, sys
json.loads(open(sys.argv[1], "rb").read().decode("utf-8"))' "$tmp/out" >"$tmp/why" 2>&1 &&
			ok "a name that is no UTF-8" || bad "a name that is no UTF-8" "$tmp/why"
	else
		left_out "status --json" "needs python3"
	fi
	go disable
	if env --ignore-signal=CHLD true 2>/dev/null; then
		run env --ignore-signal=CHLD "$tool" --file "$list" --library "$lib" enable
		expect "enabled with SIGCHLD ignored" 0
		go disable
	else
		left_out "enabled with SIGCHLD ignored" "needs env --ignore-signal"
	fi
}

contents
broken
odd_lists
no_room
several
words
finish
