/*
 * gdb_host.c - a process with a heap of known contents, for tests/tools/gdb.sh to look into.
 *
 * owns: nothing.
 * called from: tests/tools/gdb.sh, under gdb, which stops it in look_now.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 5000

char *live[BLOCKS]; /* of 1 KiB */
char *freed, *large, *interior, *elsewhere, *remote;
static char *handed[2];

__attribute__((noinline)) void look_now(void)
{
	__asm__ volatile("" ::: "memory");
}

/* Frees what the first thread allocated, and stays. */
static void *other(void *arg)
{
	free(handed[0]);
	handed[1] = malloc(2000);
	return arg;
}

int main(void)
{
	static char outside;
	pthread_t t;

	for (int i = 0; i < BLOCKS; i++) {
		live[i] = malloc(1000);
		memset(live[i], i, 1000);
	}
	interior = live[17] + 100;
	large = malloc((size_t)10 << 20);
	freed = malloc(333);
	free(freed);
	remote = handed[0] = malloc(2000);
	if (pthread_create(&t, NULL, other, NULL) != 0 || pthread_join(t, NULL) != 0)
		return 1;
	elsewhere = &outside;
	look_now();
	free(handed[1]);
	return 0;
}
