#!/bin/bash
# Nothing that the repository holds is missing from the release tarball, nor lies about in it by
# mistake: each file is named by a makefile.
set -u
src=${HM_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${HM_BUILDDIR:-$src/build}

[ -e "$src/.git" ] || { echo "no repository here"; exit 77; }
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C

# "make check" is what runs this: its job server is not ours
MAKEFLAGS='' make -C "$build" distdir distdir="$tmp/dist" >"$tmp/log" 2>&1 || {
	tail "$tmp/log"
	exit 1
}
missing=$(comm -23 <(git -C "$src" ls-files | sort) \
	<(cd "$tmp/dist" && find . -type f | cut -c3- | sort))
[ -z "$missing" ] || { echo "not in the tarball:" $missing; exit 1; }
