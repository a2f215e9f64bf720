/*
 * passthrough CASE: whose malloc a program has, asked of glibc itself: its own functions, looked
 * up in its library, and the sizes that its blocks have and ours have not.
 *	glibc    all blocks of the family are glibc's, in this thread and others, and in a child
 *	hakmem   none is
 *	early    a block that a library's constructor took before ours is freed and resized
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t (*libc_usable)(void *);

static void fail(const char *what, size_t n)
{
	printf("not so: %s (%zu)\n", what, n);
	fflush(stdout);
	_exit(1);
}

/* On 64 bits glibc's blocks hold 8 bytes more than a multiple of 16. */
static int is_chunk(size_t usable)
{
	return usable % 16 == 8;
}

/* Ours never do, but with full guards, when there is a canary in each. */
static int is_ours(size_t usable)
{
	const char *guards = getenv("HM_GUARDS");

	return usable > 0 && (!is_chunk(usable) || (guards != NULL && *guards == '2'));
}

/* Below the size from which glibc maps each. */
static const size_t sizes[] = { 1, 24, 100, 200, 1000, 1500, 5000, 9000, 20000, 60000 };
#define SIZES (sizeof sizes / sizeof sizes[0])

static int is_libcs(void *p, size_t n)
{
	size_t usable = malloc_usable_size(p);

	return usable >= n && is_chunk(usable) && libc_usable(p) == usable;
}

static void expect(void *p, size_t n, int libcs, const char *what)
{
	if (p == NULL || (is_libcs(p, n) != 0) != libcs)
		fail(what, n);
	memset(p, 0x5a, n);
}

static void try_size(size_t n, int libcs)
{
	void *p = malloc(n), *q = calloc(1, n), *r = NULL;

	expect(p, n, libcs, "malloc");
	expect(q, n, libcs, "calloc");
	p = realloc(p, n * 2 + 1);
	expect(p, n * 2 + 1, libcs, "realloc to more");
	p = realloc(p, n);
	if (p == NULL || ((unsigned char *)p)[n - 1] != 0x5a)
		fail("realloc to less", n);
	free(p);
	free(q);
	p = realloc(NULL, n);
	expect(p, n, libcs, "realloc of nothing");
	q = reallocarray(NULL, 1, n);
	expect(q, n, libcs, "reallocarray");
	if (posix_memalign(&r, 256, n) != 0 || (size_t)r % 256 != 0 || malloc_usable_size(r) < n)
		fail("posix_memalign", n);
	memset(r, 1, n);
	free(r);
	r = aligned_alloc(4096, n);
	if (r == NULL || (size_t)r % 4096 != 0)
		fail("aligned_alloc", n);
	free(r);
	free(p);
	if (realloc(q, 0) != NULL)
		fail("realloc to nothing", n);
}

static void try_all(int libcs)
{
	static const size_t large[] = { 1 << 20, 3 << 20, 40 << 20 };
	int *p;

	for (size_t i = 0; i < SIZES; i++)
		try_size(sizes[i], libcs);
	for (size_t i = 0; i < 3; i++) {
		unsigned char *q = calloc(1, large[i]);

		if (q == NULL || q[0] != 0 || q[large[i] - 1] != 0)
			fail("large calloc", large[i]);
		q = realloc(q, 2 * large[i]);
		if (q == NULL || malloc_usable_size(q) < 2 * large[i])
			fail("large realloc", large[i]);
		q[2 * large[i] - 1] = 1;
		free(q);
	}
	errno = 0;
	p = malloc((size_t)-1 / 4);
	if (p != NULL || errno != ENOMEM)
		fail("too much", 0);
	errno = 77;
	p = malloc(8);
	free(p);
	free(NULL);
	if (errno != 77 || malloc_usable_size(NULL) != 0)
		fail("errno", 0);
}

static void *in_thread(void *arg)
{
	try_all(*(int *)arg);
	return malloc(100);
}

static void try_threads(int libcs)
{
	pthread_t threads[8];
	void *p;

	for (int i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, in_thread, &libcs) != 0)
			fail("pthread_create", 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &p);
		free(p);
	}
}

static void try_child(int libcs)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		try_all(libcs);
		try_threads(libcs);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("child", (size_t)status);
}

/*
 * What is asked of the heap, and told it, is asked and told glibc: by the figures of glibc's own
 * functions, between which nothing is allocated, and by a threshold that takes effect.
 */
static void try_questions(void *libc, int libcs)
{
	static char text[1 << 16];
	struct mallinfo2 (*ask)(void);
	struct mallinfo2 theirs, ours;
	FILE *f;
	void *p;

	*(void **)&ask = dlsym(libc, "mallinfo2");
	theirs = ask();
	ours = mallinfo2();
	if ((memcmp(&theirs, &ours, sizeof ours) == 0) != libcs)
		fail("mallinfo2", ours.uordblks);
	if (((int)theirs.arena == mallinfo().arena) != libcs)
		fail("mallinfo", theirs.arena);
	f = fmemopen(text, sizeof text, "w");
	if (f == NULL || malloc_info(0, f) != 0)
		fail("malloc_info", 1);
	fclose(f);
	if ((strncmp(text, "<malloc version=\"1\">", 20) == 0) != libcs)
		fail("malloc_info", 0);
	if (!libcs)
		return;
	/* Else it would be mapped. */
	if (mallopt(M_MMAP_THRESHOLD, 8 << 20) != 1 || mallopt(M_TRIM_THRESHOLD, 1 << 30) != 1)
		fail("mallopt", 0);
	theirs = ask();
	p = malloc(2 << 20);
	if (p == NULL || ask().hblks != theirs.hblks)
		fail("mallopt has no effect", ask().hblks);
	free(p);
	if (ask().keepcost < 2 << 20 || malloc_trim(0) != 1 || ask().keepcost >= 2 << 20)
		fail("malloc_trim", ask().keepcost);
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

/* early.c keeps some blocks from before the library's constructor. */
extern void *early_blocks[] __attribute__((weak));

static void try_early(void)
{
	unsigned char *p;

	for (int i = 0; early_blocks[i] != NULL; i++) {
		size_t n = malloc_usable_size(early_blocks[i]);

		if (!is_ours(n))
			fail("an early block is ours", n);
		memset(early_blocks[i], 0x77, n);
		if (i % 3 == 0) {
			free(early_blocks[i]);
			continue;
		}
		p = realloc(early_blocks[i], i % 3 == 1 ? n * 4 : n / 4 + 1);
		if (p == NULL || p[n / 4] != 0x77)
			fail("an early block resized", n);
		free(p);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	int libcs = strcmp(how, "hakmem") != 0;

	if (libc == NULL)
		return 99;
	*(void **)&libc_usable = dlsym(libc, "malloc_usable_size");
	if (strcmp(how, "hakmem") == 0) {
		/* To ask glibc of a block that is not its own would be wrong. */
		void *p = malloc(100);

		if (!is_ours(malloc_usable_size(p)))
			fail("it is glibc's", 100);
		free(p);
		try_questions(libc, 0);
		return 0;
	}
	if (strcmp(how, "early") == 0) {
		if (early_blocks == NULL)
			return 99;
		try_early();
	}
	try_questions(libc, 1);
	try_all(libcs);
	try_threads(libcs);
	try_child(libcs);
	return 0;
}
