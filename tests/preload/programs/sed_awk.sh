# sed and awk: hold space, branches, groups; arrays, regular expressions, fields, functions.
weight=fast

setup() { seq 30000 | sed 's/.*/line & of the file, key&/' >lines; }

run() {
	sed -n '$!{h;d};x;G;p' "$data/lines"
	sed -E 's/([0-9]+) of (the) (file)/\3 \2 \1/; s/key(.)(.*)/\U\2\1/; /7$/d' "$data/lines" | cksum
	sed -n ':a;N;$!ba;s/\n/;/g;p' "$data/lines" | cksum
	cp "$data/lines" copy
	sed -i -e '1,100d' -e '$a the end' -e 'y/abc/xyz/' copy
	tail -n 3 copy
	awk '{ n[$2 % 1009] += length($0); t = t substr($0, 3, 2) } END {
		for (k in n) s += k * n[k]; print s, length(t) }' "$data/lines"
	awk 'function f(x) { return x < 2 ? x : f(x - 1) + f(x - 2) }
		BEGIN { print f(18); s = "a"; while (length(s) < 100000) s = s s; print length(s)
		gsub(/aa/, "b", s); print length(s); print split(s, q, "b"), toupper(substr(s, 1, 5)) }'
	awk -F'[ ,]+' -v OFS=: '{ $3 = $1; print $1, $NF, NF }' "$data/lines" | cksum
	awk '{ print | "sort -r | head -n 2" } END { close("sort -r | head -n 2"); print "end" }' \
		"$data/lines"
	sed 's/a/b' "$data/lines"
	echo "status $?"
	awk 'BEGIN { getline line < "/nonexistent"; exit 4 }'
	echo "status $?"
}
