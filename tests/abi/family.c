/*
 * family.c - the standard names of the malloc family, as a program sees them:
 * each is served by hakmem, and glibc's own questions have true answers.
 *
 * Run with the library preloaded, or linked with it. Knows nothing of hakmem
 * but what it tells by its behaviour: malloc_info says whose heap it is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void __libc_free(void *p);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void cfree(void *p) __attribute__((weak));
void free_sized(void *p, size_t n) __attribute__((weak));
void free_aligned_sized(void *p, size_t align, size_t n) __attribute__((weak));
size_t malloc_good_size(size_t n) __attribute__((weak));
size_t malloc_size(const void *p) __attribute__((weak));

static int failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "family.c:%d: %s\n", __LINE__, #cond);                     \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static volatile size_t zero;

static char *info_text(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	CHECK(f != NULL && malloc_info(0, f) == 0);
	fclose(f);
	return text;
}

static void check_info(void)
{
	char *text = info_text();
	int depth = 0;

	CHECK(strncmp(text, "<malloc version=\"hakmem-1\">\n", 28) == 0);
	CHECK(strstr(text, "<heap nr=\"0\">\n<sizes>\n") != NULL);
	CHECK(strstr(text, "</heap>\n<total type=\"fast\" count=\"") != NULL);
	CHECK(strstr(text, "<total type=\"mmap\" count=\"") != NULL);
	CHECK(strstr(text, "<system type=\"current\" size=\"") != NULL);
	CHECK(strstr(text, "<aspace type=\"total\" size=\"") != NULL);
	/* Well-formed: every element is closed, none closes what is not open. */
	for (const char *p = text; (p = strchr(p, '<')) != NULL; p++) {
		const char *end = strchr(p, '>');

		CHECK(end != NULL && depth >= 0);
		if (end == NULL)
			break;
		depth += p[1] == '/' ? -1 : end[-1] == '/' ? 0 : 1;
	}
	CHECK(depth == 0);
	if (getenv("FAMILY_PRINT_INFO") != NULL)
		fputs(text, stdout);
	free(text);
	CHECK(malloc_info(1, stdout) == EINVAL);
}

static void check_aliases(void)
{
	void *p = __libc_malloc(100);

	CHECK(malloc_usable_size(p) >= 100);
	p = __libc_realloc(p, 5000);
	free(p);
	p = __libc_calloc(10, 10);
	p = realloc(p, 300);
	__libc_free(p);
	p = __libc_memalign(256, 10);
	CHECK((uintptr_t)p % 256 == 0);
	free(p);
	CHECK(cfree != NULL && free_sized != NULL && free_aligned_sized != NULL);
	cfree(malloc(10));
	free_sized(malloc(10), 10);
	free_sized(NULL, 10);
	free_aligned_sized(aligned_alloc(64, 10), 64, 10);
	p = malloc(10);
	CHECK(malloc_size(p) == malloc_usable_size(p));
	CHECK(malloc_good_size(10) == malloc_usable_size(p));
	free(p);
}

static void check_laws(void)
{
	void *p = (void *)&failures;

	errno = 0;
	CHECK(malloc(SIZE_MAX - zero) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(calloc((size_t)1 << 33, ((size_t)1 << 33) + zero) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(reallocarray(NULL, SIZE_MAX - zero, 2) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(aligned_alloc(3 + zero, 100) == NULL && errno == EINVAL);
	errno = 77;
	CHECK(posix_memalign(&p, 24, 100) == EINVAL && p == &failures && errno == 77);
	CHECK(realloc(malloc(10), zero) == NULL && errno == 77);
	CHECK(malloc_usable_size(NULL) == 0);
	CHECK(malloc_usable_size(&failures) == 0);
	p = valloc(100);
	CHECK(p != NULL && (uintptr_t)p % (size_t)sysconf(_SC_PAGESIZE) == 0);
	free(p);
	p = pvalloc(zero);
	CHECK(malloc_usable_size(p) >= (size_t)sysconf(_SC_PAGESIZE));
	free(p);
	p = memalign(48, 100);
	CHECK((uintptr_t)p % 64 == 0);
	free(p);
	CHECK(errno == 77);
}

static void check_mallopt(void)
{
	CHECK(mallopt(M_PERTURB, 0) == 1);
	CHECK(mallopt(M_TRIM_THRESHOLD, 128 * 1024) == 1);
	CHECK(mallopt(M_MMAP_THRESHOLD, 128 * 1024) == 1);
	CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 30) == 0);
	CHECK(mallopt(M_ARENA_MAX, 2) == 1);
	CHECK(mallopt(M_TOP_PAD, 0) == 1);
	CHECK(mallopt(M_MXFAST, 64) == 1);
	CHECK(mallopt(M_MXFAST, 100000) == 0);
	CHECK(mallopt(12345, 1) == 0);
	CHECK(mallopt(-100, 1) == 0);
}

#define N 1000

static void check_mallinfo(void)
{
	static void *p[N];
	struct mallinfo2 before, during, after;
	void *large;

	before = mallinfo2();
	for (int i = 0; i < N; i++)
		p[i] = malloc(200);
	large = malloc((size_t)64 << 20);
	during = mallinfo2();
	CHECK(during.uordblks - before.uordblks >= N * 200);
	CHECK(during.uordblks - before.uordblks <= N * 300);
	CHECK(during.hblks == before.hblks + 1);
	CHECK(during.hblkhd - before.hblkhd >= (size_t)64 << 20);
	CHECK(during.arena == during.uordblks + during.fordblks);
	for (int i = 0; i < N; i++)
		free(p[i]);
	free(large);
	after = mallinfo2();
	CHECK(after.uordblks == before.uordblks);
	CHECK(after.hblks == before.hblks);
	CHECK(after.hblkhd == before.hblkhd);
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	CHECK(mallinfo().arena > 0);
	CHECK((size_t)mallinfo().uordblks == mallinfo2().uordblks);
}

static void check_trim(void)
{
	enum { SIZE = 4 << 20 };
	char *p = malloc(SIZE);

	memset(p, 1, SIZE);
	free(p);
	CHECK(malloc_trim(0) == 1);
	CHECK(malloc_trim(0) == 0);
}

/* malloc_stats writes to stderr: catch it. */
static void check_stats(void)
{
	static char text[4096];
	int ends[2], saved = dup(2);
	ssize_t n;

	CHECK(pipe(ends) == 0);
	dup2(ends[1], 2);
	malloc_stats();
	dup2(saved, 2);
	close(ends[1]);
	n = read(ends[0], text, sizeof text - 1);
	CHECK(n > 0);
	CHECK(strncmp(text, "Arena 0:\nsystem bytes     = ", 27) == 0);
	CHECK(strstr(text, "\nTotal (incl. mmap):\nsystem bytes     = ") != NULL);
	CHECK(strstr(text, "\nmax mmap bytes   = ") != NULL);
	close(ends[0]);
	close(saved);
}

int main(void)
{
	/* Whatever stdio allocates, it has allocated. */
	free(info_text());
	check_info();
	check_aliases();
	check_laws();
	check_mallopt();
	check_mallinfo();
	check_trim();
	check_stats();
	if (failures == 0 && getenv("FAMILY_PRINT_INFO") == NULL)
		puts("family: all as it should be");
	return failures != 0;
}
