/*
 * statistics.c - what mallinfo2, malloc_info and malloc_stats say of a program that knows what
 * it holds. Run with the library preloaded; knows nothing of it but these.
 *
 * usage: statistics one|threads|fork|handler N|ignored N|none N|idle N FILE
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 20000
#define THREADS 4

static void *held[THREADS][BLOCKS];
static char text[65536], io[65536];
static FILE *file;
static size_t base;
static volatile int failed;

static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static size_t usable(void)
{
	size_t bytes = 0;

	for (unsigned t = 0; t < THREADS; t++)
		for (unsigned i = 0; i < BLOCKS; i++)
			bytes += malloc_usable_size(held[t][i]);
	return bytes;
}

static void must_equal(const char *what, size_t a, size_t b)
{
	if (a == b)
		return;
	dprintf(2, "%s: %zu, not %zu\n", what, a, b);
	failed = 1;
}

static void read_back(void)
{
	size_t n;

	fflush(file);
	rewind(file);
	n = fread(text, 1, sizeof text - 1, file);
	text[n] = '\0';
	rewind(file);
	if (ftruncate(fileno(file), 0) != 0)
		failed = 1;
}

static char *end; /* of the last such number */

/* The number after b, which comes after a. */
static size_t number_after(const char *a, const char *b)
{
	char *at = strstr(text, a);

	at = at == NULL ? NULL : strstr(at, b);
	if (at == NULL) {
		dprintf(2, "no %s %s in: %s\n", a, b, text);
		failed = 1;
		return 0;
	}
	return strtoull(at + strlen(b), &end, 10);
}

static const char fast_total[] = "<total type=\"fast\" count=\"";

/* They all say the same. Their FILE is not allocated while it goes on. */
static void agree(void)
{
	struct mallinfo2 info = mallinfo2();
	int saved = dup(2);
	size_t fast, rest, system;

	malloc_info(0, file);
	read_back();
	must_equal("fast blocks", number_after("</heap>", fast_total), info.smblks);
	must_equal("fast bytes", strtoull(strstr(end, "size=\"") + 6, NULL, 10), info.fsmblks);
	fast = info.fsmblks;
	number_after("</heap>", "<total type=\"rest\" count=\"");
	rest = strtoull(strstr(end, "size=\"") + 6, NULL, 10);
	system = number_after("</heap>", "<system type=\"current\" size=\"");
	must_equal("malloc_info's bytes", system - fast - rest, info.uordblks);
	must_equal("malloc_info's mmap blocks", number_after("</heap>", "type=\"mmap\" count=\""),
		   info.hblks);
	must_equal("malloc_info's arena", system, info.arena);

	fflush(stderr);
	dup2(fileno(file), 2);
	malloc_stats();
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	read_back();
	must_equal("malloc_stats", number_after("Total (incl. mmap)", "in use bytes     ="),
		   info.uordblks + info.hblkhd);
	must_equal("malloc_stats' arena", number_after("Arena 0", "in use bytes     ="),
		   info.uordblks);
}

static void must_be_true(const char *when)
{
	must_equal(when, in_use() - base, usable());
	agree();
	must_equal(when, in_use() - base, usable());
}

static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	return (z ^ z >> 27) >> 8;
}

static void *block(uint64_t *r)
{
	uint64_t kind = next(r) % 100;
	size_t n = next(r) % (kind < 90 ? 600 : kind < 99 ? 30000 : 300000);

	if (next(r) % 5000 == 0)
		n = 3 << 20;
	switch (next(r) % 4) {
	case 0:
		return memalign((size_t)16 << next(r) % 8, n);
	case 1:
		return realloc(malloc(next(r) % 100 + 1), n + 1);
	case 2:
		return calloc(1, n);
	default:
		return malloc(n);
	}
}

static void fill(unsigned t)
{
	uint64_t r = t;

	for (unsigned i = 0; i < BLOCKS; i++)
		held[t][i] = block(&r);
}

/* Most go, in any order: what stays pins memory here and there. */
static void thin_out(unsigned t, unsigned keep)
{
	uint64_t r = t + 100;

	for (unsigned i = 0; i < BLOCKS; i++) {
		if (next(&r) % keep == 0)
			continue;
		free(held[t][i]);
		held[t][i] = NULL;
	}
}

static void one(void)
{
	fill(0);
	must_be_true("full");
	thin_out(0, 100);
	must_be_true("thinned out");
	malloc_trim(0);
	must_be_true("trimmed");
	fill(1);
	must_be_true("full again");
	thin_out(0, BLOCKS * 1000);
	thin_out(1, BLOCKS * 1000);
	must_be_true("empty");
}

static pthread_barrier_t barrier;

static void rest(void)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
}

static void *work(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;

	rest();
	fill(me);
	rest();
	thin_out(me, 3);
	rest();
	thin_out((me + 1) % THREADS, 2);
	rest();
	return arg;
}

static void in_child(const char *when)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		must_be_true(when);
		for (unsigned t = 0; t < THREADS; t++)
			thin_out(t, 2);
		must_be_true(when);
		_exit(failed);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		failed = 1;
}

static void threads(int forking)
{
	static const char *const when[] = { "begun", "filled", "freed", "freed by others" };
	pthread_t t[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, work, (void *)i) != 0)
			exit(99);
	for (unsigned k = 0; k < 4; k++) {
		pthread_barrier_wait(&barrier);
		if (k == 0)
			base = in_use();
		must_be_true(when[k]);
		if (forking)
			in_child(when[k]);
		pthread_barrier_wait(&barrier);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static void own_handler(int sig)
{
	static const char line[] = "the program's own\n";

	(void)sig;
	if (write(1, line, sizeof line - 1) < 0)
		failed = 1;
}

/* Lists become empty, again and again. */
static void allocate(void)
{
	fill(0);
	thin_out(0, BLOCKS * 1000);
}

/* The file is written though this thread calls nothing. */
static void wait_for_output(const char *name)
{
	struct stat st;

	while (stat(name, &st) != 0 || st.st_size == 0)
		usleep(1000);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int sig = argc > 2 ? atoi(argv[2]) : 0;

	file = tmpfile();
	if (file == NULL || setvbuf(file, io, _IOFBF, sizeof io) != 0)
		return 99;
	/* Whatever these allocate, they have allocated. */
	base = in_use();
	agree();
	base = in_use();
	if (strcmp(mode, "one") == 0)
		one();
	else if (strcmp(mode, "threads") == 0 || strcmp(mode, "fork") == 0)
		threads(mode[0] == 'f');
	else if (strcmp(mode, "handler") == 0)
		signal(sig, own_handler);
	else if (strcmp(mode, "ignored") == 0)
		signal(sig, SIG_IGN);
	else if (strcmp(mode, "closed") == 0)
		close(2);
	if (strcmp(mode, "idle") == 0) {
		raise(sig);
		wait_for_output(argv[3]);
	} else if (sig != 0) {
		raise(sig);
		allocate();
		raise(sig);
	}
	/* What was closed is not open again. */
	if (strcmp(mode, "closed") == 0 && fcntl(2, F_GETFD) != -1)
		failed = 1;
	return failed;
}
