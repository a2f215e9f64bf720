# sort with threads, in memory and through temporary files.

setup() {
	awk 'BEGIN { x = 1; for (i = 0; i < 200000; i++) { x = x * 16807 % 2147483647;
		printf "%d %c%d %s\n", x, 97 + x % 26, x % 1000, "tail of the line" } }' >lines
}

run() {
	sort --parallel=4 -S 100M "$data/lines" | cksum
	sort --parallel=4 -S 2M -T . -k2,2 -k1,1nr "$data/lines" | cksum
	sort --parallel=2 -u -f -k2,2 "$data/lines" | tail -n 20
	sort -c "$data/lines"
	echo "status $?"
}
