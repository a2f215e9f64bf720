# gcc compiles this library: the same objects.
limit=120

need() { have gcc; }

setup() {
	copy "$HM_SRCDIR/src" "$HM_SRCDIR/include" .
	cp "$HM_BUILDDIR/config.h" .
}

run() {
	cp -r "$data/." .
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -g -fPIC -Wall -I. -Iinclude -Isrc -c src/*/*.c
	echo "status $?"
	gcc -std=gnu11 -O3 -flto -I. -Iinclude -Isrc -D_GNU_SOURCE -fPIC -shared -o lto.so \
		src/base/*.c src/os/*.c src/policy/*.c 2>&1 | sed 's,/tmp/[^ ]*,TEMPORARY,g'
	cksum ./*.o
	echo 'int f( { return x; }' | gcc -x c -c - 2>&1
	echo "status $?"
}

trace() {
	echo 'int main(void) { return 0; }' >x.c
	gcc -O2 -o x x.c && ./x
}
