# java: its version, and a small program with threads, which java compiles itself where it can.
limit=240

need() { have java && { java -version >/dev/null 2>&1 || { echo "java does not run"; false; }; }; }

setup() {
	cat >Work.java <<-'END'
		import java.util.*;
		import java.util.concurrent.*;
		import java.util.zip.*;
		public class Work {
			static long work(int k) {
				Map<String, StringBuilder> m = new HashMap<>();
				long x = k + 1;
				for (int i = 0; i < 100000; i++) {
					x = x * 16807 % 2147483647;
					m.computeIfAbsent("k" + x % 5003, q -> new StringBuilder())
						.append((char) (97 + x % 26));
				}
				Deflater d = new Deflater();
				d.setInput(new TreeMap<>(m).toString().getBytes());
				d.finish();
				byte[] out = new byte[1 << 20];
				int n = d.deflate(out);
				d.end();
				return n + m.size();
			}
			public static void main(String[] a) throws Exception {
				ExecutorService e = Executors.newFixedThreadPool(4);
				List<Future<Long>> f = new ArrayList<>();
				for (int k = 0; k < 8; k++) {
					final int n = k;
					f.add(e.submit(() -> work(n)));
				}
				for (Future<Long> x : f)
					System.out.println(x.get());
				e.shutdown();
				List<java.nio.ByteBuffer> b = new ArrayList<>();
				for (int i = 0; i < 200; i++)
					b.add(java.nio.ByteBuffer.allocateDirect(i * 1000));
				System.out.println(b.size());
				System.err.println("to stderr");
				System.exit(5);
			}
		}
	END
}

run() {
	java -version
	echo "status $?"
	if java --list-modules | grep -q '^jdk.compiler'; then
		java -Xmx256m "$data/Work.java"
		echo "status $?"
	fi
}

trace() { java -version; }
