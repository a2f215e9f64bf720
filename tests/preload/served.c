/*
 * Is it hakmem that serves malloc here: preloaded, linked or static? The blocks of this thread, of
 * others and of a forked child are known to hak_usable_size, whole, and freed by any thread. For
 * any libc and machine: asks for nothing but hak_ names, which are looked up where they are not
 * linked. Exits with 0 when all was so, 1 when something was not, 2 when it is another malloc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define BLOCKS 3000

size_t hak_usable_size(const void *p) __attribute__((weak));
static size_t (*usable)(const void *p);

static int failures;

static void fail(const char *what)
{
	__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
	fprintf(stderr, "served: %s\n", what);
}

struct block {
	unsigned char *p;
	size_t n;
};

static struct block blocks[THREADS][BLOCKS];

static size_t size_of(unsigned i)
{
	return i % 97 == 0 ? 3000000 + i : i % 13 == 0 ? i * 41 : i % 500;
}

static void *fill(void *arg)
{
	struct block *b = arg;

	for (unsigned i = 0; i < BLOCKS; i++) {
		b[i].n = size_of(i);
		b[i].p = i % 3 == 0 ? calloc(1, b[i].n) : malloc(b[i].n);
		if (b[i].p == NULL || usable(b[i].p) < b[i].n || (size_t)b[i].p % 16 != 0) {
			fail("a block is not hakmem's, or not as it should be");
			return NULL;
		}
		if (i % 3 == 0 && b[i].n > 0 && (b[i].p[0] != 0 || b[i].p[b[i].n - 1] != 0))
			fail("calloc's block is not zero");
		if (b[i].n > 0)
			b[i].p[0] = b[i].p[b[i].n - 1] = (unsigned char)i;
		if (i % 97 == 0 && i > 0) {
			free(b[i - 1].p);
			b[i - 1].p = NULL;
		}
	}
	return NULL;
}

/* What another thread filled. */
static void *drop(void *arg)
{
	struct block *b = arg;

	for (unsigned i = 0; i < BLOCKS; i++) {
		if (b[i].p != NULL && b[i].n > 0 &&
		    (b[i].p[0] != (unsigned char)i || b[i].p[b[i].n - 1] != (unsigned char)i))
			fail("a block's bytes changed");
		if (i % 5 == 0)
			b[i].p = realloc(b[i].p, b[i].n * 2 + 1);
		free(b[i].p);
	}
	return NULL;
}

static void in_threads(void *(*f)(void *), unsigned turn)
{
	pthread_t t[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, f, blocks[(i + turn) % THREADS]) != 0)
			exit(1);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	void *p = malloc(100), *aligned;
	int status;
	pid_t pid;

	usable = hak_usable_size;
	if (usable == NULL)
		*(void **)&usable = dlsym(RTLD_DEFAULT, "hak_usable_size");
	if (usable == NULL || usable(p) < 100)
		return 2;
	free(p);
	if (posix_memalign(&aligned, 65536, 10) != 0 || (size_t)aligned % 65536 != 0 ||
	    usable(aligned) < 10)
		fail("an aligned block");
	free(aligned);
	in_threads(fill, 0);
	pid = fork();
	if (pid == 0) {
		drop(blocks[0]);
		fill(blocks[1]);
		_exit(failures != 0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("a forked child");
	in_threads(drop, 1);
	return failures != 0;
}
