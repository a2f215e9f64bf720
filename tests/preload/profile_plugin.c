/*
 * profile_plugin.c - a library for profile_storm: allocates when it is loaded and unloaded, with
 * the loader's lock held.
 */
#include <stdlib.h>
#include <string.h>

void *plugin_allocate(size_t n);

static void *held;

__attribute__((constructor)) static void begin(void)
{
	held = plugin_allocate(5000);
	for (int i = 0; i < 20; i++)
		free(strdup("something that lives for a moment"));
}

__attribute__((destructor)) static void end(void)
{
	free(held);
	free(plugin_allocate(100));
}

void *plugin_allocate(size_t n)
{
	return calloc(1, n);
}
