# file: its large table of magic, on things of many kinds.
need() { have file; }

setup() {
	copy "$HM_SRCDIR/src" src
	gzip -c <"$HM_SRCDIR/README.md" >x.gz
	tar -cf x.tar -C "$HM_SRCDIR" README.md
	head -c 3000 /bin/sh >part
	seq 1000 >numbers
	: >empty
	ln -s nowhere dangling
}

run() {
	cd "$data" || return
	file ./* | sed 's/last modified[^,]*,//'
	file -b --mime ./* src/*/*.c | sort | uniq -c
	file -z x.gz
	file /bin/sh /dev/null nosuchfile
	echo "status $?"
}
