# man, with groff behind it, each under man-db's own system call filter.
need() { have man && have groff; }

run() {
	man --version
	MANWIDTH=78 man -P cat -l "$HM_SRCDIR/man/hakmem.7" | cksum
	echo "status ${PIPESTATUS[0]}"
	man -Tps -l "$HM_SRCDIR/man/hakmem.7" 2>/dev/null | grep -c showpage
	gzip -c "$HM_SRCDIR/man/hakmem.7" >x.7.gz
	MANWIDTH=60 man -P cat -l ./x.7.gz | tail -n 5
	man nosuchpage
	echo "status $?"
	man -w nosuchpage
	echo "status $?"
}
