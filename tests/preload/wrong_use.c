/*
 * wrong_use CASE: does one wrong thing, after printing the pointer that it does it with. Ends
 * with status 3 when nothing stopped it.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ABOUT_TO(p) (last = (p), dprintf(1, "%p\n", last), last)

static void *volatile last;
static char zone[4096] __attribute__((aligned(4096)));

/* Something of the size is in use around it, so that its slab is not simply empty. */
static char *block(size_t n)
{
	char *p;

	for (int i = 0; i < 3; i++)
		memset(malloc(n), 1, n);
	p = memset(malloc(n), 2, n);
	for (int i = 0; i < 3; i++)
		memset(malloc(n), 3, n);
	return p;
}

static void free_twice(size_t n)
{
	void *p = block(n);

	free(p);
	free(ABOUT_TO(p));
}

/* Another thread's block: it goes back by another way. */
static void *make(void *n)
{
	return block((size_t)n);
}

static void free_twice_remote(size_t n)
{
	pthread_t t;
	void *p;

	pthread_create(&t, NULL, make, (void *)n);
	pthread_join(t, &p);
	free(p);
	free(ABOUT_TO(p));
}

static void free_twice_later(size_t n)
{
	void *p = block(n), *others[3];

	for (int i = 0; i < 3; i++)
		others[i] = malloc(n);
	free(p);
	for (int i = 0; i < 3; i++)
		free(others[i]);
	free(ABOUT_TO(p));
}

static void overwrite_before(size_t n)
{
	char *p = block(n);

	p[-1] = 0x31;
	free(ABOUT_TO(p));
}

static void overwrite_after(size_t n)
{
	char *p = block(n);
	size_t (*usable)(void *);

	*(void **)&usable = dlsym(RTLD_DEFAULT, "malloc_usable_size");
	p[usable(p)] ^= 0x55;
	free(ABOUT_TO(p));
}

static void write_when_free(size_t n)
{
	char *p = block(n);

	free(p);
	p[n - 1] ^= 1;
	ABOUT_TO(p);
	for (int i = 0; i < 100; i++)
		last = malloc(n);
}

static void other_malloc(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	void *(*theirs)(size_t);

	*(void **)&theirs = dlsym(libc, "malloc");
	for (size_t n = 1; n < 1 << 24; n *= 3)
		free(ABOUT_TO(memset(theirs(n), 1, n)));
	free(realloc(theirs(100), 1000));
}

static void *map(size_t n)
{
	return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int foreign(const char *name)
{
	char local[256] __attribute__((aligned(64)));

	memset(local, 0, sizeof(local));
	if (strcmp(name, "stack") == 0)
		free(ABOUT_TO(local + 64));
	else if (strcmp(name, "static") == 0)
		free(ABOUT_TO(zone + 128));
	else if (strcmp(name, "constant") == 0)
		free(ABOUT_TO((void *)"text"));
	else if (strcmp(name, "code") == 0)
		free(ABOUT_TO((void *)foreign));
	else if (strcmp(name, "mmap") == 0)
		free(ABOUT_TO((char *)map(1 << 16) + 4096));
	else if (strcmp(name, "mmap_start") == 0)
		free(ABOUT_TO(map(1 << 16)));
	else if (strcmp(name, "mmap_large") == 0)
		free(ABOUT_TO((char *)map(8 << 20) + 16));
	else if (strcmp(name, "unmapped") == 0)
		free(ABOUT_TO((void *)0x123450));
	else if (strcmp(name, "noncanonical") == 0)
		free(ABOUT_TO((void *)(uintptr_t)0x8123456789abcdf0u));
	else if (strcmp(name, "top") == 0)
		free(ABOUT_TO((void *)(UINTPTR_MAX - 15)));
	else if (strcmp(name, "realloc") == 0)
		last = realloc(ABOUT_TO(zone + 128), 100);
	else
		return 0;
	return 1;
}

static int wrong(const char *name, size_t n)
{
	if (strcmp(name, "interior") == 0)
		free(ABOUT_TO(block(n) + 16));
	else if (strcmp(name, "unaligned") == 0)
		free(ABOUT_TO(block(n) + 1));
	else if (strcmp(name, "far") == 0)
		free(ABOUT_TO(block(n) + n / 2 / 16 * 16 + 16));
	else if (strcmp(name, "twice") == 0)
		free_twice(n);
	else if (strcmp(name, "remote") == 0)
		free_twice_remote(n);
	else if (strcmp(name, "later") == 0)
		free_twice_later(n);
	else if (strcmp(name, "before") == 0)
		overwrite_before(n);
	else if (strcmp(name, "after") == 0)
		overwrite_after(n);
	else if (strcmp(name, "written") == 0)
		write_when_free(n);
	else if (strcmp(name, "realloc_freed") == 0)
		free(last = block(n)), last = realloc(ABOUT_TO(last), 2 * n + 100);
	else
		return 0;
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "glibc") == 0)
		other_malloc();
	else if (argc == 2 && foreign(argv[1]))
		return 3;
	else if (argc == 3 && wrong(argv[1], strtoul(argv[2], NULL, 10)))
		return 3;
	else
		return 2;
	return 0;
}
