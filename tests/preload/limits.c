/*
 * limits CASE [NUMBER]: allocates where memory is short. A failure must be NULL with ENOMEM, all
 * other blocks as they were. Prints nothing but what went wrong, without stdio, which allocates.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNT 100000

static struct {
	unsigned char *p;
	size_t n;
} blocks[COUNT];
static size_t count, failures, bytes;
/* The compiler is not told, and does not warn. */
static volatile size_t two = 2;
/* Of what is in use at once; the limits are far below. */
#define BYTES ((size_t)400 << 20)

static void check(int good, const char *what)
{
	if (good)
		return;
	if (write(2, what, strlen(what)) < 0 || write(2, "\n", 1) < 0)
		_exit(2);
	_exit(1);
}

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 31 + 7);
}

/* Both ends and some of the middle, so that large blocks do not take the time. */
static void fill(size_t i)
{
	size_t n = blocks[i].n;

	memset(blocks[i].p, pattern(i), n < 4096 ? n : 4096);
	for (size_t k = 4096; k < n; k += 4096)
		blocks[i].p[k] = pattern(i);
	if (n > 0)
		blocks[i].p[n - 1] = pattern(i);
}

static void check_block(size_t i)
{
	size_t n = blocks[i].n;

	for (size_t k = 0; k < n && k < 4096; k++)
		check(blocks[i].p[k] == pattern(i), "a block was overwritten");
	for (size_t k = 4096; k < n; k += 4096)
		check(blocks[i].p[k] == pattern(i), "a large block was overwritten");
	check(n == 0 || blocks[i].p[n - 1] == pattern(i), "the end was overwritten");
}

/* One of the ways to a block; NULL only with ENOMEM. */
static void *get(size_t way, size_t n)
{
	void *p = NULL;
	int result;

	errno = 0;
	switch (way % 5) {
	case 0:
	case 1:
		p = malloc(n);
		break;
	case 2:
		p = calloc(1, n);
		for (size_t k = 0; p != NULL && k < n; k += n < 4096 ? 1 : 1000)
			check(((char *)p)[k] == 0, "calloc's block is not zero");
		break;
	case 3:
		result = posix_memalign(&p, 128, n);
		check(result == 0 ? p != NULL : result == ENOMEM && p == NULL, "posix_memalign");
		errno = result;
		break;
	case 4:
		p = memalign(way % 2 ? 64 : 65536, n);
		break;
	}
	check(p != NULL || errno == ENOMEM, "NULL without ENOMEM");
	failures += p == NULL;
	return p;
}

static size_t size_of(size_t i)
{
	static const size_t sizes[] = { 10, 24, 100, 500, 2000, 7000, 12000, 50000, 200000,
					1500000, 4000000 };

	return sizes[i * 7 % 11] + i % 13;
}

/* Allocates until `stop` attempts failed, or `most` bytes are in use. */
static void take(size_t stop, size_t most)
{
	size_t before = failures;

	for (size_t i = 0; count < COUNT && bytes < most && failures - before < stop; i++) {
		size_t n = size_of(i);
		void *p = get(i, n);

		if (p == NULL)
			continue;
		blocks[count].p = p;
		blocks[count].n = n;
		bytes += n;
		fill(count++);
	}
}

/* Larger, and back: what fails must leave the block. */
static void resize(void)
{
	for (size_t i = 0; i < count; i += 3) {
		size_t n = blocks[i].n;
		void *p;

		errno = 0;
		p = realloc(blocks[i].p, n * 2 + 3000);
		check(p != NULL || errno == ENOMEM, "realloc: NULL without ENOMEM");
		failures += p == NULL;
		blocks[i].p = p != NULL ? p : blocks[i].p;
		check_block(i);
		if (p == NULL)
			continue;
		blocks[i].n = n * 2 + 3000;
		bytes += n + 3000;
		fill(i);
	}
	errno = 0;
	check(reallocarray(blocks[0].p, SIZE_MAX / two, 3) == NULL && errno == ENOMEM,
	      "reallocarray: overflow");
}

static void drop(size_t step)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++)
		check_block(i);
	for (size_t i = 0; i < count; i++) {
		if (i % step == 0) {
			bytes -= blocks[i].n;
			free(blocks[i].p);
		} else {
			unsigned char *p = blocks[i].p;

			/* the pattern goes with the place */
			blocks[left].n = blocks[i].n;
			blocks[left].p = p;
			fill(left++);
		}
	}
	count = left;
}

static void work(size_t stop)
{
	for (int round = 0; round < 3; round++) {
		take(stop, (size_t)60 << 20);
		resize();
		drop(2);
		take(stop, (size_t)60 << 20);
		drop(1);
		malloc_trim(0);
	}
}

/* With nothing in the way of memory itself, nothing may fail. */
static void must_work(void)
{
	work(1);
	check(failures == 0, "something failed");
}

/* Until there is nothing left: it must fail at last, and be all there again afterwards. */
static void exhaust(void)
{
	size_t first, second;

	take(200, BYTES);
	first = count;
	check(failures > 0, "the limit was never met");
	drop(1);
	take(200, BYTES);
	second = count;
	drop(1);
	check(second >= first / 2, "the memory did not come back");
	work(20);
}

static void limit(int which, size_t most)
{
	struct rlimit r = { most, most };

	check(setrlimit(which, &r) == 0, "setrlimit");
}

static void *on_small_stack(void *arg)
{
	void *p[64];

	for (size_t i = 0; i < 64; i++)
		p[i] = memset(malloc(i * i * 30), 1, i * i * 30);
	for (size_t i = 0; i < 64; i += 2)
		p[i] = realloc(p[i], i * i * 100 + 10);
	for (size_t i = 0; i < 64; i++)
		free(p[i]);
	free(memalign(1 << 21, 100));
	free(malloc(10000000));
	malloc_trim(0);
	return arg;
}

static void small_stacks(void)
{
	pthread_attr_t attr;
	pthread_t t[8];

	pthread_attr_init(&attr);
	check(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN) == 0, "stack size");
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 8; i++)
			check(pthread_create(&t[i], &attr, on_small_stack, NULL) == 0, "thread");
		for (int i = 0; i < 8; i++)
			pthread_join(t[i], NULL);
	}
}

/* All that is mapped from now on is locked at once, as far as the limit goes. */
static void locked(size_t most)
{
	struct rlimit r;

	/* Not every root may raise it; with one as it is elsewhere, no thread gets a stack. */
	check(getrlimit(RLIMIT_MEMLOCK, &r) == 0, "getrlimit");
	if (most > r.rlim_max || (most == 0 && geteuid() != 0 && r.rlim_cur != RLIM_INFINITY))
		_exit(77);
	if (most > 0)
		limit(RLIMIT_MEMLOCK, most);
	if (most > 0 && geteuid() == 0)
		check(setgid(65534) == 0 && setuid(65534) == 0, "setuid");
	/* Not allowed, or not with what is mapped already. */
	if (mlockall(MCL_FUTURE) != 0)
		_exit(77);
	if (most > 0) {
		exhaust();
	} else {
		small_stacks();
		limit(RLIMIT_AS, (size_t)100 << 20);
		exhaust();
	}
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) << 10 : 0;

	/* A mark for the trace. */
	(void)!access("/the/program/begins", F_OK);
	if (strcmp(name, "data") == 0)
		limit(RLIMIT_DATA, n);
	if (strcmp(name, "space") == 0)
		limit(RLIMIT_AS, n);
	if (strcmp(name, "exhaust") == 0 || strcmp(name, "data") == 0 || strcmp(name, "space") == 0)
		exhaust();
	else if (strcmp(name, "locked") == 0)
		locked(n);
	else if (strcmp(name, "stacks") == 0)
		small_stacks();
	else if (strcmp(name, "fail") == 0)
		work(3);
	else if (strcmp(name, "must") == 0)
		must_work();
	return 0;
}
