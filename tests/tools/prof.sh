#!/bin/bash
# hakmem-prof: what it makes of a profile, decoded by others where they are; and of what is none.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
tool=$HM_BUILDDIR/hakmem-prof
[ -x "$tool" ] || hard_error "no program at $tool"
gzip=1
"$tool" -f pprof /dev/null 2>&1 | grep -q zlib && gzip=

# A profile whose figures are known: rate 1, so that samples are what they stand for.
cat >"$tmp/small.heap" <<'END'
heap profile: 5: 700 [8: 1300] @ heap_v2/1
# a comment
2: 200 [3: 300] @ 0x1001 0x2001
3: 500 [3: 500] @ 0x1001 0x3001 0x2001
0: 0 [2: 500] @ 0x4001

MAPPED_LIBRARIES:
00001000-00002000 r-xp 00000000 00:00 0                                  /no/such/<"&;> program
00002000-00003000 r-xp 00001000 00:00 0                                  /no/such/<"&;> program
00003000-00004000 r-xp 00000000 00:00 0
END
small=$tmp/small.heap
name='<"&;> program'

# output NAME EXPECTED ARGUMENT...
output() {
	local name=$1 expected=$2
	shift 2
	run "$tool" "$@"
	grep -v 'without elfutils' "$tmp/err" >"$tmp/said"
	if [ "$status" = 0 ] && [ ! -s "$tmp/said" ] && [ "$(cat "$tmp/out")" = "$expected" ]; then ok "$name"; else
		{ echo "exit status $status, wanted:"; echo "$expected"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$name" "$tmp/why"
	fi
}
output "folded, live bytes" "<\"&:> program+0x1000;0x3000;<\"&:> program+0x0 500
<\"&:> program+0x1000;<\"&:> program+0x0 200" -f folded "$small"
output "folded, blocks allocated" "0x4000 2
<\"&:> program+0x1000;0x3000;<\"&:> program+0x0 3
<\"&:> program+0x1000;<\"&:> program+0x0 3" -abf folded "$small"
output "the table" "bytes that live: 700, estimated from 5 samples, one in 1 bytes
          itself      %     with callees      %  function
             700  100.0              700  100.0  $name+0x0
               0    0.0              700  100.0  $name+0x1000
               0    0.0              500   71.4  0x3000" "$small"
output "a row of it" "bytes allocated: 1300, estimated from 8 samples, one in 1 bytes
          itself      %     with callees      %  function
             800   61.5              800   61.5  $name+0x0" -a -n 1 "$small"
run bash -c 'printf "heap profile: 0: 0 [0: 0] @ heap_v2/524288\n\nMAPPED_LIBRARIES:\n" | "$1" -f svg -' - "$tool"
[ "$status" = 0 ] && grep -q '</svg>' "$tmp/out" && ok "an empty graph" || bad "an empty graph" "$tmp/err"

# A rate: of blocks of its size 1 - 1/e are sampled.
printf '%s\n' 'heap profile: 1: 1000 [1: 1000] @ heap_v2/1000' '1: 1000 [1: 1000] @ 0x1001' '' \
	'MAPPED_LIBRARIES:' >"$tmp/rate.heap"
output "estimates are scaled" "0x1000 1582" -f folded "$tmp/rate.heap"

# The name of a file is anybody's: no terminal obeys it, and UTF-8 stays.
printf '%s\n' 'heap profile: 1: 1000 [1: 1000] @ heap_v2/1000' '1: 1000 [1: 1000] @ 0x1001' '' \
	'MAPPED_LIBRARIES:' $'1000-2000 r-xp 0 00:00 1 /a\302\233b\302\237\033[31m\177\303\251\302' >"$tmp/bad.heap"
run "$tool" "$tmp/bad.heap"
[ "$status" = 0 ] && grep -qaxF $'            1582  100.0             1582  100.0  a?b??[31m?\303\251\302+0x0' "$tmp/out" &&
	ok "no control characters" || bad "no control characters" "$tmp/out"

# The graph: well-formed whatever the names are, a box for each function, and it can be drawn.
run "$tool" -o "$tmp/small.svg" "$small"
if command -v python3 >/dev/null; then
	python3 - "$tmp/small.svg" >"$tmp/why" 2>&1 <<-'END' && ok "well-formed, with its boxes" || bad "the graph" "$tmp/why"
	import sys, xml.dom.minidom as dom
	d = dom.parse(sys.argv[1])
	titles = [t.firstChild.data for t in d.getElementsByTagName("title")]
	assert len(titles) == 5, titles
	assert '<"&;> program+0x1000 (700 bytes, 100.0 %)' in titles, titles
	assert '0x3000 (500 bytes, 71.4 %)' in titles, titles
	END
else
	left_out "well-formed, with its boxes" "needs python3"
fi
if command -v rsvg-convert >/dev/null; then
	rsvg-convert -o "$tmp/small.png" "$tmp/small.svg" 2>"$tmp/err" && [ -s "$tmp/small.png" ] &&
		ok "the graph is drawn" || bad "the graph is drawn" "$tmp/err"
else
	left_out "the graph is drawn" "needs rsvg-convert"
fi

# pprof's format, decoded with the published numbers of its fields.
cat >"$tmp/profile.proto" <<'END'
syntax = "proto3";
message Profile {
  repeated ValueType sample_type = 1; repeated Sample sample = 2; repeated Mapping mapping = 3;
  repeated Location location = 4; repeated Function function = 5; repeated string string_table = 6;
  ValueType period_type = 11; int64 period = 12; int64 default_sample_type = 14;
}
message ValueType { int64 type = 1; int64 unit = 2; }
message Sample { repeated uint64 location_id = 1; repeated int64 value = 2; repeated Label label = 3; }
message Label { int64 key = 1; int64 str = 2; int64 num = 3; int64 num_unit = 4; }
message Mapping {
  uint64 id = 1; uint64 memory_start = 2; uint64 memory_limit = 3; uint64 file_offset = 4;
  int64 filename = 5; int64 build_id = 6; bool has_functions = 7;
}
message Location { uint64 id = 1; uint64 mapping_id = 2; uint64 address = 3; repeated Line line = 4; }
message Line { uint64 function_id = 1; int64 line = 2; }
message Function { uint64 id = 1; int64 name = 2; int64 system_name = 3; int64 filename = 4; }
END
if command -v protoc >/dev/null; then
	run "$tool" -o "$tmp/small.pb" "$small"
	(cd "$tmp" && protoc --decode=Profile profile.proto <small.pb >decoded 2>why)
	count() { grep -c "^$1 {" "$tmp/decoded"; }
	if [ "$(count sample_type) $(count sample) $(count mapping) $(count location) $(count function)" = \
		"4 3 3 4 4" ] && ! grep -q '^[0-9]' "$tmp/decoded" && grep -q '"inuse_space"' "$tmp/decoded" &&
		tr -d '\n' <"$tmp/decoded" | grep -q 'value: 3  value: 500  value: 3  value: 500'; then
		ok "protoc decodes it"
	else
		bad "protoc decodes it" "$tmp/decoded"
	fi
	if [ -n "$gzip" ]; then
		run "$tool" -o "$tmp/small.pb.gz" "$small"
		gzip -dc "$tmp/small.pb.gz" | cmp -s - "$tmp/small.pb" && ok "gzip" || bad "gzip"
	fi
else
	left_out "protoc decodes it" "needs protobuf-compiler"
fi

# refused NAME TEXT ARGUMENT...: one line that has TEXT, exit status 1.
refused() {
	local name=$1 text=$2
	shift 2
	run "$tool" "$@"
	if [ "$status" = 1 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -qF -- "$text" "$tmp/err"; then ok "$name"; else
		{ echo "exit status $status, wanted 1 and a line with: $text"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$name" "$tmp/why"
	fi
}
refused "no file" "No such file" "$tmp/none"
refused "a folder" "Is a directory" "$tmp"
refused "an empty file" "empty" /dev/null
refused "two files" "one FILE" "$small" "$small"
refused "an unknown suffix" "what to write" -o "$tmp/x.jpg" "$small"
refused "an unknown format" "no format" -f jpg "$small"
refused "no number" "not a number" -n x "$small"
refused "a folder that is not there" "No such file" -o "$tmp/no/x.svg" "$small"
run "$tool" -o /dev/full -f svg "$small"
[ "$status" = 1 ] && grep -q 'cannot be written' "$tmp/err" && ok "a full disk" || bad "a full disk" "$tmp/err"
run bash -c '"$1" "$2" >/dev/full' - "$tool" "$small"
[ "$status" = 1 ] && grep -q 'cannot write' "$tmp/err" && ok "standard output is full" || bad "standard output is full" "$tmp/err"
head -c 1000 "$tool" >"$tmp/binary"
refused "a binary file" "no heap profile" "$tmp/binary"
sed '/MAPPED/,$d' "$small" >"$tmp/short"
refused "a file that was cut short" "cut short" "$tmp/short"
while IFS='|' read -r line text; do
	{ head -n 2 "$small"; echo "$line"; sed -n '/MAPPED/,$p' "$small"; } >"$tmp/wrong"
	refused "a line \"$line\"" "wrong:3: $text" "$tmp/wrong"
done <<'END'
garbage|not "N: BYTES
1: 2 [3: 4] @ 0x1 zzz|no address
0: 5 [0: 0] @ 0x1|bytes without blocks
99999999999999999999999: 1 [1: 1] @|not "N: BYTES
-1: 1 [1: 1] @|not "N: BYTES
END

# Changed at random: it ends by itself, in time, with 0 or 1.
if command -v python3 >/dev/null; then
	tries=300
	[ -z "$fast" ] || tries=40
	mkdir "$tmp/fuzzed"
	python3 - "$small" "$tmp/fuzzed" $tries <<-'END'
	import random, sys
	new = (b"", b"\0", b" ", b"\n", b"9" * 30, b"@", b"f" * 20, b"0x", b"[")
	for seed in range(int(sys.argv[3])):
	    r = random.Random(seed)
	    b = bytearray(open(sys.argv[1], "rb").read())
	    for _ in range(r.randint(1, 8)):
	        k = r.randrange(len(b))
	        b[k:k + r.choice((0, 1, 1, 5))] = r.choice(new + (bytes([r.randrange(256)]),))
	    open(f"{sys.argv[2]}/{seed}", "wb").write(b)
	END
	wrong=0 formats=(table folded svg proto)
	for ((seed = 0; seed < tries; seed++)); do
		timeout -k 5 20 "$tool" -f ${formats[seed % 4]} "$tmp/fuzzed/$seed" >"$tmp/out" 2>&1 </dev/null
		code=$?
		[ $code -le 1 ] || { wrong=1; bad "seed $seed: exit status $code" "$tmp/out"; }
	done
	[ $wrong = 1 ] || ok "$tries files changed at random"
else
	left_out "files changed at random" "needs python3"
fi

# hakmem-run --profile.
compile_here() { $CC -O1 -g -fno-builtin -o "$tmp/known" "$HM_SRCDIR/tests/preload/profile.c" -D_GNU_SOURCE -pthread -ldl; }
compile_here || hard_error "profile.c does not compile"
go() { (cd "$tmp" && run "$HM_BUILDDIR/hakmem-run" --library "$lib" "$@"; echo "$status" >status); status=$(cat "$tmp/status"); }
for file in a.svg a.folded a.txt a.pb a.heap 'a%p %d.svg'; do
	go -o profile_rate=4K --profile "$file" "$tmp/known" known
	[ "$status" = 0 ] && [ -s "$tmp/$file" ] && [ "$(ls "$tmp" | grep -cF "$file")" = 1 ] &&
		ok "hakmem-run --profile '$file'" || bad "hakmem-run --profile '$file'" "$tmp/err"
	cp "$tmp/$file" "$tmp/last"
	rm -f "$tmp/$file"
done
go --profile a.svg bash -c 'exit 7'
[ "$status" = 7 ] && ok "it exits as the program does" || bad "it exits as the program does: $status" "$tmp/err"
go --profile a.svg bash -c 'kill -TERM $$'
[ "$status" = 143 ] && grep -q 'has written no profile' "$tmp/err" && ok "and ends by its signal" ||
	bad "and ends by its signal: $status" "$tmp/err"
for file in "$tmp/no/a.svg" /dev/full "$tmp" ''; do
	go --profile "$file" "$tmp/known" known
	[ "$status" = 125 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && [ ! -s "$tmp/out" ] && ok "refused: '$file'" ||
		bad "refused: '$file'" "$tmp/err"
done
finish
