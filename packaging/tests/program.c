/*
 * Uses the installed hakmem.h; exits with 0 when the standard names are hakmem's, too. As C++ it
 * asks operator new as well.
 */
#include <hakmem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ours(void *p, size_t size)
{
	/* 0 for what is not hakmem's. */
	int good = p != NULL && hak_usable_size(p) >= size;

	if (p != NULL)
		memset(p, 'x', size);
	return good;
}

int main(int argc, char **argv)
{
	char *p = (char *)malloc(1000), *q = (char *)hak_malloc(100000);
	int good = ours(p, 1000) && ours(q, 100000);

	if (strcmp(hak_version(), HAKMEM_VERSION_STRING) != 0)
		good = 0;
	p = (char *)realloc(p, 5000000);
	good = good && ours(p, 5000000);
	hak_free(p);
	free(q);
#ifdef __cplusplus
	int *n = new int[250];

	good = good && ours(n, 1000);
	delete[] n;
#endif
	/* Asked to tell: how the library was built is in there. */
	if (argc > 1 && strcmp(argv[1], "tell") == 0)
		hak_stats_json(1);
	if (!good)
		fprintf(stderr, "the program's malloc is not hakmem's\n");
	return good ? 0 : 1;
}
