#!/bin/bash
# hakmem-preload --root: a small system in a folder. As root its programs really run on what is enabled;
# otherwise in a user namespace, if there are any.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
. "$(dirname "$0")/preload_lib.sh"
compile which_malloc
box=$tmp/system
list=$box/etc/ld.so.preload
enter=(chroot "$box")
if [ -z "$root" ]; then
	unshare -U true 2>/dev/null || skip "neither root nor user namespaces"
	enter=(unshare -r chroot "$box")
fi

put() { # PROGRAM: to /bin, and what it needs
	local f
	cp -L "$(type -P "$1")" "$box/bin/${1##*/}"
	ldd "$(type -P "$1")" | grep -oE '/[^ ]+' | while read -r f; do
		mkdir -p "$box${f%/*}"
		[ -e "$box$f" ] || cp -L "$f" "$box$f"
	done
}
mkdir -p "$box/bin" "$box/etc" "$box/opt"
for program in true sh cat "$tmp/which_malloc"; do put "$program"; done
echo 'root:x:0:0:root:/:/bin/sh' >"$box/etc/passwd"
cp "$lib" "$box/opt/libhakmem.so.1"
find "$box" -type d -exec chmod 755 {} +
go() { run "$tool" --root "$box" "$@"; }
in_box() { "${enter[@]}" /bin/which_malloc 2>&1; }
[ "$(in_box)" = libc.so.6 ] || skip "programs do not run in a small system"
nl=$'\n'

go --library /opt/libhakmem.so.1 enable
done_so "enabled below a root" 0 "/opt/libhakmem.so.1$nl" "$box/etc/ld.so.preload"
[ "$(in_box)" = libhakmem.so.1 ] && ok "its programs run on it" || bad "its programs run on it" "$(in_box)"
go status
done_so "status" 0 "/opt/libhakmem.so.1$nl" "/opt/libhakmem.so.1	loads"
rm "$box/opt/libhakmem.so.1"
go status
[ "$status" = 4 ] && ok "status when the library is gone" || bad "status when the library is gone" "$tmp/out"
go disable
[ "$status" = 0 ] && [ ! -e "$list" ] && [ "$(in_box)" = libc.so.6 ] && ok "disabled" || bad "disabled" "$tmp/err"

refused "a library outside" 1 'refused: No such file' "$tool" --root "$box" --library "$lib" enable
ln -s "$lib" "$box/opt/libhakmem.so.1"
refused "a link to the outside" 1 'refused: No such file' \
	"$tool" --root "$box" --library /opt/libhakmem.so.1 enable
rm "$box/opt/libhakmem.so.1"
mkdir "$tmp/outside" && mv "$box/etc" "$box/etc.real" && ln -s "$tmp/outside" "$box/etc"
refused "a folder that leads outside" 1 'its folder: No such file' \
	"$tool" --root "$box" --library /opt/libhakmem.so.1 enable
rm "$box/etc" && mv "$box/etc.real" "$box/etc"
refused "no such root" 1 'nosuch: No such file' "$tool" --root "$tmp/nosuch" status

# It passes what is tried before, and fails when it is in force.
$CC -shared -fPIC -fno-builtin -DHOW=5 -o "$box/opt/fails.so" "$HM_SRCDIR/tests/tools/broken.c" || exit 99
chmod 755 "$box/opt/fails.so"
go --library /opt/fails.so enable
[ "$status" = 1 ] && grep -q 'in force, programs fail; it is as it was' "$tmp/err" && [ ! -e "$list" ] &&
	ok "what fails in force is put back" || bad "what fails in force is put back" "$tmp/err"
[ "$(in_box)" = libc.so.6 ] && ok "and programs run" || bad "and programs run" "$(in_box)"

# Where the loader of this architecture looks, the entry is good for those of others, too.
where=$(ldd "$tmp/which_malloc" | sed -n 's|.*=> \(/[^ ]*\)/libc\.so\.6.*|\1|p')
case $where in
/lib/*-linux-gnu*) where=/usr$where ;;
esac
mkdir -p "$box$where" && cp "$lib" "$box$where/libhakmem.so.1"
find "$box" -type d -exec chmod 755 {} +
go --library "$where/libhakmem.so.1" enable
if [ "$status" = 0 ] && grep -qF '$LIB' "$list"; then
	done_so "the form with \$LIB" 0 "${where%%/lib*}/\$LIB/libhakmem.so.1$nl"
else
	done_so "the path, where \$LIB leads elsewhere" 0 "$where/libhakmem.so.1$nl"
fi
[ "$(in_box)" = libhakmem.so.1 ] && ok "which the loader finds" || bad "which the loader finds" "$(in_box)"
go disable
go --seconds 2 --library "$where/libhakmem.so.1" try
[ "$(in_box)" = libhakmem.so.1 ] && ok "a trial" || bad "a trial" "$tmp/err"
until_gone 60 "$list.hakmem-trial"
[ ! -e "$list" ] && [ "$(in_box)" = libc.so.6 ] && ok "and its end" || bad "and its end" "$(in_box)"

# Another architecture's libc, of which the first words are enough: its programs read the list, too.
warned() { # NAME TEXT: enabled, with one line that has TEXT
	[ "$status" = 0 ] && grep -qF -- "$2" "$tmp/err" && [ "$(wc -l <"$tmp/err")" = 1 ] && [ -s "$list" ] &&
		ok "$1" || bad "$1" "$tmp/err"
}
foreign=$box/usr/lib/other-linux-gnu
mkdir -p "$foreign" && chmod 755 "$box/usr" "$box/usr/lib" "$foreign"
case $(od -An -tx1 -j4 -N1 "$tmp/which_malloc") in
*02) printf '\177ELF\1\1\1%9s\3%b\3%b%36s' '' '\0' '\0' '' >"$foreign/libc.so.6" ;;
*) printf '\177ELF\2\1\1%9s\3%b\076%b%48s' '' '\0' '\0' '' >"$foreign/libc.so.6" ;;
esac
go --library "$where/libhakmem.so.1" enable
entry=$(cat "$list")
if [[ $entry == *'$LIB'* ]]; then
	warned "another architecture without the library" "there is no /usr/lib/other-linux-gnu/libhakmem.so.1"
	go disable
	touch "$foreign/libhakmem.so.1"
	go --library "$where/libhakmem.so.1" enable
	done_so "and with it" 0 "$entry$nl"
else
	warned "another architecture, a list with a full path" "of this architecture only"
fi
go disable
rm -r "$foreign"

# As the kernel's first process has it: no /dev, no /proc, perhaps no standard files.
if ! readelf -lW "$tool" | grep -q INTERP; then
	cp "$tool" "$box/bin/"
	go --library "$where/libhakmem.so.1" enable
	[ "$(in_box)" = libhakmem.so.1 ] || bad "enabled once more" "$tmp/err"
	run "${enter[@]}" /bin/hakmem-preload disable
	[ "$status" = 0 ] && [ ! -e "$list" ] && [ "$(in_box)" = libc.so.6 ] &&
		ok "disabled by itself alone in a bare system" ||
		bad "disabled by itself alone in a bare system" "$tmp/err"
	go --library "$where/libhakmem.so.1" enable
	"${enter[@]}" /bin/hakmem-preload disable <&- >&- 2>&-
	[ ! -e "$list" ] && [ "$(cat "$list.hakmem-backup" | wc -l)" = 1 ] &&
		ok "and without standard files" || bad "and without standard files" "$list"
else
	left_out "disabled by itself alone in a bare system" "this build of it is dynamic"
fi
rm "$box/bin/sh"
refused "nothing to try it with" 1 'no /bin/sh below' \
	"$tool" --root "$box" --library "$where/libhakmem.so.1" enable
finish
