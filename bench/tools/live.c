/*
 * live.c - a preload library over glibc's malloc that counts the bytes which a program holds.
 *
 * For bench/run's picture of live against resident memory; no run with it is timed. About every
 * 20 ms in which the program calls malloc or free, and when it ends, a line goes to the file that
 * HM_BENCH_LIVE names, to its end:   MILLISECONDS PID LIVE_BYTES MOST_SINCE_THE_LAST_LINE
 * with the monotonic clock's time. Several processes may share the file.
 *
 * Bytes are those asked for. The last eight of each block (it is made that much larger) hold a
 * mark and how many bytes of it were not asked for; a block without the mark was not made here,
 * and counts as much as glibc says.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

/* glibc's own, whatever is preloaded. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

struct tail {
	uint32_t mark, slack;
};

enum { PERIOD_MS = 20, LOOK_EVERY = 32 };

static _Atomic long live, most;
static _Atomic long next_ms;
static _Atomic unsigned calls;
static char name[4096];

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static char *put(char *to, long n, char end)
{
	char digits[24];
	int k = 0;

	if (n < 0)
		n = 0;
	do
		digits[k++] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	while (k > 0)
		*to++ = digits[--k];
	*to++ = end;
	return to;
}

/* One write, so that lines of several processes do not mix. */
static void write_line(long ms)
{
	int keep = errno, fd;
	long held = live;
	char line[128], *end;

	end = put(line, ms, ' ');
	end = put(end, getpid(), ' ');
	end = put(end, held, ' ');
	end = put(end, atomic_exchange(&most, held), '\n');
	fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) {
		if (write(fd, line, (size_t)(end - line)) < 0)
			name[0] = '\0';
		close(fd);
	}
	errno = keep;
}

static void count(long bytes)
{
	long held = atomic_fetch_add(&live, bytes) + bytes, seen = most, ms, due;

	while (held > seen && !atomic_compare_exchange_weak(&most, &seen, held))
		;
	if (name[0] == '\0' || atomic_fetch_add(&calls, 1) % LOOK_EVERY != 0)
		return;
	ms = now_ms();
	due = next_ms;
	if (ms >= due && atomic_compare_exchange_strong(&next_ms, &due, ms + PERIOD_MS))
		write_line(ms);
}

static uint32_t mark_of(const void *p)
{
	return (uint32_t)((uintptr_t)p >> 4) * 2654435761u ^ 0x6c697665u;
}

/* glibc's function of this name is hidden behind ours; the size is in the word before the block. */
static size_t usable(const void *p)
{
	size_t word;

	memcpy(&word, (const char *)p - sizeof(word), sizeof(word));
	return (word & ~(size_t)7) - ((word & 2) != 0 ? 2 : 1) * sizeof(word);
}

static size_t asked(const void *p)
{
	size_t n = usable(p);
	struct tail t;

	if (n < sizeof(t))
		return n;
	memcpy(&t, (const char *)p + n - sizeof(t), sizeof(t));
	return t.mark == mark_of(p) && t.slack <= n ? n - t.slack : n;
}

static void *made(void *p, size_t n)
{
	size_t whole;
	struct tail t;

	if (p == NULL)
		return NULL;
	whole = usable(p);
	t = (struct tail){ mark_of(p), (uint32_t)(whole - n) };
	memcpy((char *)p + whole - sizeof(t), &t, sizeof(t));
	count((long)n);
	return p;
}

static int too_large(size_t n)
{
	if (n <= PTRDIFF_MAX - 4096)
		return 0;
	errno = ENOMEM;
	return 1;
}

PUBLIC void *malloc(size_t n)
{
	return too_large(n) ? NULL : made(__libc_malloc(n + sizeof(struct tail)), n);
}

PUBLIC void free(void *p)
{
	if (p == NULL)
		return;
	count(-(long)asked(p));
	__libc_free(p);
}

PUBLIC void *calloc(size_t n, size_t size)
{
	size_t whole;

	if (__builtin_mul_overflow(n, size, &whole))
		whole = SIZE_MAX;
	return too_large(whole) ? NULL : made(__libc_calloc(1, whole + sizeof(struct tail)), whole);
}

PUBLIC void *realloc(void *p, size_t n)
{
	size_t before;
	void *q;

	if (p == NULL)
		return malloc(n);
	if (n == 0) {
		free(p);
		return NULL;
	}
	if (too_large(n))
		return NULL;
	before = asked(p);
	q = __libc_realloc(p, n + sizeof(struct tail));
	if (q == NULL)
		return NULL;
	count(-(long)before);
	return made(q, n);
}

PUBLIC void *reallocarray(void *p, size_t n, size_t size)
{
	size_t whole;

	if (__builtin_mul_overflow(n, size, &whole))
		whole = SIZE_MAX;
	return realloc(p, whole);
}

PUBLIC void *memalign(size_t alignment, size_t n)
{
	return too_large(n) ? NULL
			    : made(__libc_memalign(alignment, n + sizeof(struct tail)), n);
}

PUBLIC void *aligned_alloc(size_t alignment, size_t n)
{
	return memalign(alignment, n);
}

PUBLIC int posix_memalign(void **where, size_t alignment, size_t n)
{
	int keep = errno;
	void *p;

	if (alignment % sizeof(void *) != 0 || alignment == 0 ||
	    (alignment & (alignment - 1)) != 0)
		return EINVAL;
	p = memalign(alignment, n);
	errno = keep;
	if (p == NULL)
		return ENOMEM;
	*where = p;
	return 0;
}

PUBLIC void *valloc(size_t n)
{
	return memalign((size_t)sysconf(_SC_PAGESIZE), n);
}

PUBLIC void *pvalloc(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return too_large(n) ? NULL : memalign(page, (n + page - 1) / page * page);
}

PUBLIC size_t malloc_usable_size(void *p)
{
	return p == NULL ? 0 : asked(p);
}

/* A child holds what its parent held, and writes lines of its own. */
static void in_child(void)
{
	next_ms = 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *file = getenv("HM_BENCH_LIVE");

	if (file == NULL || strlen(file) >= sizeof(name))
		return;
	strcpy(name, file);
	pthread_atfork(NULL, NULL, in_child);
	write_line(now_ms());
}

/* What is still held goes with the process. */
__attribute__((destructor)) static void end(void)
{
	if (name[0] == '\0')
		return;
	write_line(now_ms());
	name[0] = '\0';
}
