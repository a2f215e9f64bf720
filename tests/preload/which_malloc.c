/*
 * Prints the file name of the library that each function of the malloc family comes from, once
 * when it is the same for all, and the hakmem variable that it sees.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	"malloc", "free", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc",
	"posix_memalign", "valloc", "pvalloc", "malloc_usable_size", "mallopt", "mallinfo",
	"mallinfo2", "malloc_stats", "malloc_info", "malloc_trim",
};

static const char *home(const char *name)
{
	void *f = dlsym(RTLD_DEFAULT, name);
	Dl_info info;
	const char *slash;

	if (f == NULL || dladdr(f, &info) == 0)
		return "nowhere";
	slash = strrchr(info.dli_fname, '/');
	return slash != NULL ? slash + 1 : info.dli_fname;
}

int main(void)
{
	const char *first = home(names[0]);

	puts(first);
	for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(home(names[i]), first) != 0)
			printf("%s: %s\n", names[i], home(names[i]));
	free(malloc(100));
	return 0;
}
