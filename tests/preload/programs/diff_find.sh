# diff, cmp, patch if there, find and xargs with processes at once.

setup() {
	mkdir a
	copy "$HM_SRCDIR/src/." a
	cp -r a b
	sed -i 's/static/STATIC/' b/*/*.c
	find a b -exec touch -d '2020-01-01 00:00' {} +
}

run() {
	cp -a "$data/." .
	diff -ru a b >patch.diff
	echo "status $?"
	cksum patch.diff
	diff -y -W 120 a/heap/heap.c b/heap/heap.c | cksum
	if command -v patch >/dev/null; then
		patch -s -p1 -d a <patch.diff && diff -r a b && echo patched
	fi
	find a -name '*.[ch]' -size +2k -newermt 2019-01-01 -printf '%P %s %y\n' | sort
	find b -type f -print0 | xargs -0 -P 4 -n 3 cksum | sort
	find b -type f -execdir wc -c {} + | sort | cksum
	find . -regextype posix-extended -regex '.*/(heap|slab)[.]c'  | sort
}
