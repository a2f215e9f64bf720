# Sourced by the tests of packages that need a system of their own: making it, running in it,
# counting what passed. bash only. Gives skip, hard_error, ok, bad, left_out, finish, make_root,
# inside, well, expect, list_files; sets tmp, and $tmp/root is the system.
# The caller has set: cache, the folder that keeps fresh systems.
passed=0 failed=0 skipped=0
skip() { echo "skipped: $1"; exit 77; }
hard_error() { # TEXT [FILE]
	echo "cannot run: $1"
	[ $# -lt 2 ] || tail -n 20 "$2"
	exit 99
}
ok() { passed=$((passed + 1)); echo "ok       $1"; }
bad() { # NAME [FILE or TEXT]
	failed=$((failed + 1))
	echo "FAILED   $1"
	[ $# -lt 2 ] || if [ -f "$2" ]; then head -n 30 "$2"; else echo "$2"; fi | sed 's/^/         | /'
}
left_out() { skipped=$((skipped + 1)); echo "skipped  $1: $2"; }
finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] || exit 1
	[ "$passed" -gt 0 ] || skip "nothing could run"
	exit 0
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-system.XXXXXX") || exit 99
chmod 755 "$tmp"
root_clean() {
	umount "$tmp/root/proc" 2>/dev/null
	rm -rf --one-file-system "$tmp"
}
trap root_clean EXIT
trap 'exit 130' INT TERM HUP

# needs_of DEB...: what they depend on besides each other.
needs_of() {
	local deb
	for deb; do
		dpkg-deb -f "$deb" Depends | tr ',' '\n'
	done | sed -E 's/^ *//; s/[ :(|].*//' | grep -vE '^(lib)?hakmem|^libc6$|^$' | sort -u | paste -sd ' '
}

# make_root PACKAGES: a fresh system of this machine's release with these in it, at $tmp/root.
make_root() {
	local suite=${HM_DEBIAN_SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME-}")} sources name
	[ -n "$suite" ] || skip "this is no Debian: HM_DEBIAN_SUITE says which release is tried"
	name=$(echo "$suite $1" | cksum | tr ' ' -)
	if [ ! -f "$cache/$name.tar" ]; then
		mkdir -p "$cache" || exit 99
		echo "making a fresh system of $suite, once: $cache/$name.tar"
		# By the machine's own sources, whatever they are.
		mmdebstrap --variant=minbase --include="${1// /,}" --aptopt='Acquire::Languages "none"' \
			"$suite" "$tmp/fresh.tar" >"$tmp/log" 2>&1 </dev/null || {
			tail -n 3 "$tmp/log"
			skip "mmdebstrap could not make a system: offline?"
		}
		mv "$tmp/fresh.tar" "$cache/$name.tar"
	fi
	mkdir "$tmp/root" && tar -C "$tmp/root" -xf "$cache/$name.tar" --numeric-owner --exclude='./dev/*' ||
		hard_error "unpacking $cache/$name.tar"
	mkdir -p "$tmp/root/dev" "$tmp/root/proc"
	mknod -m 666 "$tmp/root/dev/null" c 1 3 && mknod -m 666 "$tmp/root/dev/zero" c 1 5 &&
		mknod -m 666 "$tmp/root/dev/urandom" c 1 9 || skip "cannot make device files"
	ln -s /proc/self/fd "$tmp/root/dev/fd"
	mount -t proc proc "$tmp/root/proc" || skip "cannot mount proc"
	printf '#!/bin/sh\nexit 101\n' >"$tmp/root/usr/sbin/policy-rc.d"
	chmod 755 "$tmp/root/usr/sbin/policy-rc.d"
}

# inside COMMAND...: in the system, without this one's environment. Sets status.
inside() {
	timeout -k 5 600 env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
		DEBIAN_FRONTEND=noninteractive chroot "$tmp/root" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
}

expect() { # NAME STATUS
	if [ "$status" = "$2" ]; then ok "$1"; else
		{ echo "exit status $status, not $2"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}

# well NAME: the last one ended well, and no loader complained of a library.
well() {
	if [ "$status" = 0 ] && ! grep -q 'ERROR: ld\.so' "$tmp/out" "$tmp/err" &&
		! grep -v -e '^debconf:' -e '^dpkg: warning: downgrading' "$tmp/err" | grep -q .; then
		ok "$1"
	else
		{ echo "exit status $status"; tail -n 25 "$tmp/out"; cat "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}

# All files but those that packaging tools write at any time.
list_files() {
	(cd "$tmp/root" && find . -xdev \( -path ./proc -o -path ./repository -o -path ./var/lib/dpkg -o \
		-path ./var/lib/apt -o -path ./var/cache -o -path ./var/log -o -name ld.so.cache -o \
		-path ./tmp -o -name "*-old" \) -prune -o -print | sort)
}
