/*
 * profile.c - a program whose heap is known, for profile.sh.
 *
 *   profile known     allocates in functions of known names, frees a part; prints what
 *                     malloc_usable_size says: all bytes, bytes that live
 *   profile entries   one block of 1000000 bytes by each way to allocate
 *   profile switch    begins, stops and writes a profile by itself, to standard output
 *   profile signals   takes signals while it allocates
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define BLOCKS 60000
#define apart __attribute__((noinline, noclone))
#define keep(p) __asm__ volatile("" : : "r"(p) : "memory")

static void *blocks[BLOCKS];
static size_t all, live;

apart void *inner_function(size_t n)
{
	void *p = malloc(n);

	keep(p);
	return p;
}

apart void *outer_function(size_t n)
{
	void *p = inner_function(n);

	keep(p);
	return p;
}

apart void *zeroed_function(size_t n)
{
	void *p = calloc(1, n);

	keep(p);
	return p;
}

apart static void known(void)
{
	unsigned state = 1;

	for (int i = 0; i < BLOCKS; i++) {
		size_t n = 100 + (state = state * 1103515245 + 12345) / 65536 % 4000;

		blocks[i] = i % 4 == 0 ? zeroed_function(n) : outer_function(n);
		all += malloc_usable_size(blocks[i]);
	}
	for (int i = 0; i < BLOCKS; i++) {
		if (i % 4 == 0 || i % 5 == 0)
			free(blocks[i]);
		else
			live += malloc_usable_size(blocks[i]);
	}
	printf("%zu %zu\n", all, live);
}

#define SIZE 1000000
#define WAY(name, expression)                                                                      \
	apart void *name(void)                                                                     \
	{                                                                                          \
		void *p = expression;                                                              \
                                                                                                   \
		keep(p);                                                                           \
		return p;                                                                          \
	}

WAY(by_malloc, malloc(SIZE))
WAY(by_calloc, calloc(10, SIZE / 10))
WAY(by_realloc, realloc(malloc(10), SIZE))
WAY(by_aligned_alloc, aligned_alloc(4096, SIZE))
WAY(by_memalign, memalign(64, SIZE))
WAY(by_valloc, valloc(SIZE))
WAY(by_large, malloc(5 * SIZE))
WAY(by_small, malloc(50))
WAY(by_small_calloc, calloc(5, 10))

apart static void entries(void)
{
	void *(*const ways[])(void) = { by_malloc,	by_calloc, by_realloc, by_aligned_alloc,
					by_memalign,	by_valloc, by_large,   by_small,
					by_small_calloc };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		blocks[i] = ways[i]();
}

apart static void switched(void)
{
	int (*start)(size_t), (*stop)(void), (*dump)(int);

	*(void **)&start = dlsym(RTLD_DEFAULT, "hak_profile_start");
	*(void **)&stop = dlsym(RTLD_DEFAULT, "hak_profile_stop");
	*(void **)&dump = dlsym(RTLD_DEFAULT, "hak_profile_dump");
	blocks[0] = outer_function(SIZE);
	if (start(1) != 0)
		exit(3);
	blocks[1] = outer_function(2 * SIZE);
	blocks[2] = zeroed_function(SIZE);
	if (stop() != 0)
		exit(3);
	blocks[3] = outer_function(3 * SIZE);
	free(blocks[2]);
	if (dump(1) != 0)
		exit(4);
}

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void *allocate(void *arg)
{
	while (handled < 300) {
		for (int i = 0; i < 100; i++)
			free(outer_function((size_t)i * 10));
	}
	return arg;
}

apart static void with_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
	pthread_t id;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	if (pthread_create(&id, NULL, allocate, NULL) != 0)
		exit(2);
	allocate(NULL);
	pthread_join(id, NULL);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "known") == 0)
		known();
	else if (strcmp(mode, "entries") == 0)
		entries();
	else if (strcmp(mode, "switch") == 0)
		switched();
	else if (strcmp(mode, "signals") == 0)
		with_signals();
	else
		return 2;
	return 0;
}
