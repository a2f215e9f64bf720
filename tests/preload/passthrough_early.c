/*
 * A library whose constructor runs before the preloaded one's, and takes blocks of many sizes.
 */
#include <stdlib.h>

void *early_blocks[64];

__attribute__((constructor)) static void take(void)
{
	size_t n = 1;

	for (int i = 0; i < 42; i++, n = n * 3 / 2 + 1)
		early_blocks[i] = malloc(n);
}
