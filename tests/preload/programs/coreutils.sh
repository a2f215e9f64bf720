# ls, cut, uniq, join and the like, each on input that makes it allocate.
weight=fast

setup() {
	seq 20000 | awk '{ print $1 * 7919 % 10007, "word" $1 % 101, $1 }' >lines
	mkdir tree
	(cd tree && seq 300 | xargs touch -d '2020-01-01 00:00' && ln -s 1 link && mkdir sub)
	touch -d '2020-01-02 00:00' tree
}

run() {
	cp -a "$data/." .
	ls -la --time-style=long-iso --block-size=1 tree | sed 1d | awk '{ $2 = ""; print }'
	ls -R tree | cksum
	sort -k2,2 -k1n lines | uniq -c -f1 | head -n 40
	cut -d' ' -f1,3 lines | cksum
	sort lines >a
	sort -k1,1 lines | sed 's/ / second /' >b
	join a b | cksum
	comm -12 a b | wc -l
	paste -d, a b | tac | nl | fold -w 60 | cksum
	tr a-z A-Z <lines | rev 2>/dev/null | md5sum
	sha256sum lines | b2sum
	split -l 3000 -d lines part. && wc part.*
	csplit -s lines 100 '{5}' && cat xx* | cmp - lines && echo same
	shuf --random-source=lines -n 50 lines | cksum
	factor 123456789012345678901234567890 18446744073709551557
	numfmt --to=iec 123456789 9999999999
	tsort <<<$'a b\nb c\nc d\na d' | tr '\n' ' '
	date -u -d '2001-02-03 04:05:06 +2 days' +%c
	od -A x -t x1z -N 200 lines
	base64 -w 50 lines | tail -n 2 | base64 -d | cksum
	expand -t 3 lines | unexpand -a | fmt -w 40 | pr -t -3 | cksum
	ptx <<<'the quick brown fox jumps over the lazy dog'
	stat -c '%n %s %F' lines tree tree/link
	du -ab --apparent-size part.* | sort -k2
	printf '%s\n' */ | head -n 3
	env -i A=1 B=2 printenv A B
	timeout 5 echo done
	ls nosuchfile
	stat -c %s nosuchfile
	echo "status $?"
}
