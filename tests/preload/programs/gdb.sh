# gdb on a program that it starts: breakpoints, a backtrace, a call into it, its python.
need() {
	have gdb && have "${CC%% *}" || return
	gdb -nx -batch -ex run -ex quit /bin/true 2>&1 | grep -q 'exited normally' ||
		{ echo "gdb cannot trace a process here"; return 1; }
}

setup() {
	cat >x.c <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		struct node { struct node *next; int n; char text[20]; };
		static struct node *make(int n)
		{
			struct node *p = calloc(1, sizeof(*p));
			p->n = n;
			snprintf(p->text, sizeof(p->text), "node %d", n);
			p->next = n > 0 ? make(n - 1) : NULL;
			return p;
		}
		int main(void)
		{
			struct node *p = make(5);
			printf("%s\n", p->next->text);
			return 3;
		}
	END
	$CC -g -O0 -o x x.c
}

run() {
	gdb -nx -batch -ex 'set pagination off' -ex 'break make if n == 0' -ex run -ex bt \
		-ex finish -ex 'tbreak 18' -ex continue -ex 'print *p' -ex 'print *p->next->next' \
		-ex 'print (unsigned long)strlen("four")' -ex 'info source' -ex 'ptype p' \
		-ex 'print p == malloc' -ex 'print (void *)0 == malloc(10)' -ex continue "$data/x"
	gdb -nx -batch -ex 'python print(sum(len(str(i)) for i in range(100000)))' 2>&1
	gdb -nx -batch -ex 'info functions .' "$data/x" | cksum
}

filter() { sed -E 's/0x[0-9a-f]+/ADDRESS/g; s/process [0-9]+/process PID/'; }

trace() { gdb -nx -batch -ex 'info line main' "$data/x"; }
