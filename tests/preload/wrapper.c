/*
 * A program with a malloc of its own that counts and passes on to the next, which it looks up with
 * dlsym at the first call, as such programs do; dlsym may itself allocate.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long calls, frees;
static void *(*next_malloc)(size_t);
static void (*next_free)(void *);

void *malloc(size_t n)
{
	if (next_malloc == NULL)
		*(void **)&next_malloc = dlsym(RTLD_NEXT, "malloc");
	calls++;
	return next_malloc(n);
}

void free(void *p)
{
	if (next_free == NULL)
		*(void **)&next_free = dlsym(RTLD_NEXT, "free");
	frees++;
	next_free(p);
}

int main(void)
{
	void *volatile p;
	char *s;

	for (size_t n = 0; n < 5000000; n = n * 2 + 1) {
		p = malloc(n);
		memset(p, 1, n);
		free(p);
		p = calloc(1, n);
		p = realloc(p, 2 * n + 1);
		free(p);
	}
	s = strdup("text");
	free(s);
	dlsym(RTLD_DEFAULT, "there_is_no_such_symbol");
	if (dlerror() == NULL || calls < 20 || frees < 40)
		return 1;
	puts("done");
	return 0;
}
