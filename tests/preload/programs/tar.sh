# tar with gzip, and with xz in threads.
need() { have xz; }

setup() {
	mkdir tree
	copy "$HM_SRCDIR/src" "$HM_SRCDIR/include" tree
	seq 300000 | awk '{ print $1 * 7919 % 1000003 }' >tree/numbers
}

run() {
	tar -C "$data" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf a.tar tree
	xz -k -T4 --block-size=1MiB -2 a.tar
	cksum a.tar a.tar.xz
	xz --list -v a.tar.xz | grep -i 'blocks\|check'
	tar -C "$data" --sort=name --mtime=@0 -cf b.tar.xz -I 'xz -T2 -1' tree
	xz -dc -T2 b.tar.xz | wc -c
	gzip -9nc a.tar | cksum
	mkdir out
	tar -C out -xf a.tar.xz
	diff -r "$data/tree" out/tree && echo same
	tar -tvf a.tar | awk '{ print $1, $2, $3, $6 }' | cksum
	head -c 5000 a.tar.xz | tar -xJf -
	echo "status $?"
}
