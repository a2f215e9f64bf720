/* The plugin of deepbind.sh: what its malloc gives, and what its free is given. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

void *plugin_alloc(size_t n);
void *plugin_alloc_in_thread(size_t n);
void *plugin_memalign(size_t align, size_t n);
void *plugin_malloc_address(void);
void plugin_free(void *p);

void *plugin_alloc(size_t n)
{
	void *p = malloc(n);

	return p == NULL ? p : memset(p, 0x5a, n);
}

struct order {
	size_t n;
	void *p;
};

static void *thread(void *arg)
{
	struct order *o = arg;

	o->p = plugin_alloc(o->n);
	return NULL;
}

/* From an arena of glibc's that is not the main one. */
void *plugin_alloc_in_thread(size_t n)
{
	struct order o = { .n = n };
	pthread_t t;

	if (pthread_create(&t, NULL, thread, &o) != 0)
		return NULL;
	pthread_join(t, NULL);
	return o.p;
}

void *plugin_memalign(size_t align, size_t n)
{
	void *p = NULL;

	if (posix_memalign(&p, align, n) != 0)
		return NULL;
	return memset(p, 0x5a, n);
}

void *plugin_malloc_address(void)
{
	return (void *)malloc;
}

void plugin_free(void *p)
{
	free(p);
}
