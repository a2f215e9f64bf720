/*
 * deepbind_host PLUGIN HOW [SIZE]: loads the plugin so that it has glibc's malloc, and exchanges
 * blocks with it. Status 0 when all went well, 1 when not, 77 when the plugin has the same malloc.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *(*plugin_alloc)(size_t);
static void *(*plugin_alloc_in_thread)(size_t);
static void *(*plugin_memalign)(size_t, size_t);
static void *(*plugin_malloc_address)(void);
static void (*plugin_free)(void *);

static void check(int good, const char *what)
{
	if (!good) {
		fprintf(stderr, "%s\n", what);
		exit(1);
	}
}

static void check_filled(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(p[i] == 0x5a, "contents lost");
}

static void load(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);

	if (handle == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	*(void **)&plugin_alloc = dlsym(handle, "plugin_alloc");
	*(void **)&plugin_alloc_in_thread = dlsym(handle, "plugin_alloc_in_thread");
	*(void **)&plugin_memalign = dlsym(handle, "plugin_memalign");
	*(void **)&plugin_malloc_address = dlsym(handle, "plugin_malloc_address");
	*(void **)&plugin_free = dlsym(handle, "plugin_free");
}

static void try_realloc(size_t n)
{
	const size_t sizes[] = { 1, n / 2 + 1, n, n + 1, 2 * n + 100, n + 3000000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *p = plugin_alloc(n), *q = realloc(p, sizes[i]);

		check(q != NULL, "realloc failed");
		check_filled(q, n < sizes[i] ? n : sizes[i]);
		memset(q, 1, sizes[i]);
		free(q);
	}
	check(realloc(plugin_alloc(n), 0) == NULL, "realloc to nothing");
}

static void try_memalign(void)
{
	for (size_t align = 16; align <= 1 << 22; align *= 2) {
		for (size_t n = 1; n < 1 << 22; n = n * 5 + 3) {
			void *p = plugin_memalign(align, n);

			check(p != NULL && ((uintptr_t)p & (align - 1)) == 0, "memalign");
			free(p);
		}
	}
}

static void try_thread(void)
{
	for (size_t n = 1; n < 1 << 24; n = n * 3 + 5) {
		unsigned char *p = plugin_alloc_in_thread(n), *q = plugin_alloc_in_thread(n);

		check(p != NULL && q != NULL, "no block");
		free(p);
		q = realloc(q, n + 100);
		check_filled(q, n);
		free(q);
	}
}

/* Both mallocs' blocks, freed in turns. */
static void try_many(void)
{
	enum { COUNT = 300 };
	static void *theirs[COUNT], *ours[COUNT];

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT; i++) {
			theirs[i] = plugin_alloc(i * 13 % 3000);
			ours[i] = malloc(i * 13 % 3000);
			memset(ours[i], 0x33, i * 13 % 3000);
		}
		for (size_t i = 0; i < COUNT; i++) {
			size_t k = (i * 7 + round) % COUNT;

			check_filled(theirs[k], k * 13 % 3000);
			free(theirs[k]);
			free(ours[k]);
		}
	}
}

static void try_usable(void)
{
	for (size_t n = 1; n < 1 << 24; n = n * 3 + 5) {
		void *p = plugin_alloc(n);

		check(malloc_usable_size(p) == 0, "a foreign pointer has no usable size");
		plugin_free(p);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "";
	size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 100;

	load(argv[1]);
	if (plugin_malloc_address() == (void *)malloc && strcmp(how, "all") != 0)
		return 77;
	if (strcmp(how, "free") == 0)
		free(plugin_alloc(n));
	if (strcmp(how, "realloc") == 0)
		try_realloc(n);
	if (strcmp(how, "memalign") == 0 || strcmp(how, "all") == 0)
		try_memalign();
	if (strcmp(how, "thread") == 0 || strcmp(how, "all") == 0)
		try_thread();
	if (strcmp(how, "many") == 0 || strcmp(how, "all") == 0)
		try_many();
	if (strcmp(how, "usable") == 0)
		try_usable();
	if (strcmp(how, "contrary") == 0)
		plugin_free(malloc(n));
	return 0;
}
