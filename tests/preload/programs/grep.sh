# grep: fixed strings, both syntaxes, Perl's, many patterns, context, recursion.
weight=fast

setup() {
	mkdir tree
	copy "$HM_SRCDIR/src/." tree
	cat tree/*/*.c >all
	grep -ohE '\bhm_[a-z]+_[a-z]+' all | sort -u >names
}

run() {
	cd "$data" || return
	grep -c return all
	grep -nE '^(static|hm_inline).*\*' all | tail -n 30
	grep -oP '(?<=hm_)\w+(?=\()' all | sort | uniq -c | sort -k1nr -k2 | head -n 30
	grep -Fwf names all | cksum
	grep -rlE 'struct hm_(heap|slab)' tree | sort
	grep -rhc '' tree | sort -n | tail -n 3
	grep -iA2 -B1 'todo\|because' all | head -n 40
	grep -E '(.+)_\1' all | head -n 5
	grep -zc . all
	grep 'a\{1' all
	echo "status $?"
	grep nosuchtext all
	echo "status $?"
}
