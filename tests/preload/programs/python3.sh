# python3 on malloc: objects, json, threads, regular expressions, subprocesses, fork.
need() { have python3 && { python3 -c 'import json, threading' || { echo "no modules"; false; }; }; }

setup() {
	cat >work.py <<-'END'
		import bisect, collections, gc, hashlib, json, os, random, re, subprocess, sys, threading
		import zlib
		random.seed(5)
		rows = [{"id": i, "key": random.randrange(997), "text": "text %d" % i * (i % 7)}
		        for i in range(20000)]
		text = json.dumps(rows)
		assert json.loads(text) == rows
		print(len(text), hashlib.sha256(text.encode()).hexdigest())
		by = collections.defaultdict(list)
		for r in rows:
		    by[r["key"]].append(r)
		print(len(by), sum(len(v) for v in by.values()), sorted(by)[:5])
		words = collections.Counter(re.findall(r"\w+", text))
		print(words.most_common(3))
		class Node:
		    def __init__(self, n):
		        self.n, self.me = n, self
		for _ in range(50000):
		    Node(_)
		print(gc.collect() >= 0)
		out = [None] * 4
		def work(k):
		    keep = []
		    for i in range(20000):
		        bisect.insort(keep, (i * 7919 + k) % 10007) if i % 5 == 0 else keep.append(10**6 + i)
		        if len(keep) > 3000:
		            del keep[:1500]
		    out[k] = sum(keep)
		threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
		[t.start() for t in threads]
		[t.join() for t in threads]
		print(out)
		data = zlib.compress(text.encode(), 9)
		print(len(data), zlib.crc32(zlib.decompress(data)))
		big = bytearray(30_000_000)
		big += b"end"
		print(len(big), big[-3:])
		print(2 ** 5000 % 10 ** 30, len(str(3 ** 20000)) if not hasattr(sys, "set_int_max_str_digits")
		      else (3 ** 20000).bit_length())
		print(subprocess.run([sys.executable, "-c", "print(sum(range(10)))"],
		                     capture_output=True, text=True).stdout)
		pid = os.fork()
		if pid == 0:
		    os._exit(len([str(i) for i in range(10000)]) % 256)
		print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
		try:
		    bytearray(1 << 60)
		except MemoryError as e:
		    print("MemoryError", e)
		sys.exit("at the end")
	END
}

status=1
run() { python3 "$data/work.py"; }
