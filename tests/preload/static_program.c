/* A static program: every size, threads, fork, the whole family; status 0 when all is ours. */
#include <hakmem.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int good, const char *what)
{
	if (!good) {
		fprintf(stderr, "%s\n", what);
		_exit(1);
	}
}

static int is_ours(void *p)
{
	return p != NULL && hak_usable_size(p) != 0 && hak_usable_size(p) == malloc_usable_size(p);
}

static void *work(void *arg)
{
	void *keep[64] = { NULL };

	for (size_t i = 0; i < 40000; i++) {
		size_t n = i * 7919 % (i % 100 == 0 ? 300000 : 3000), k = i % 64;

		free(keep[k]);
		keep[k] = malloc(n);
		check(is_ours(keep[k]), "malloc is not ours");
		memset(keep[k], (int)i, n);
	}
	for (size_t k = 0; k < 64; k++)
		free(keep[k]);
	return arg;
}

static long resident_pages(void)
{
	long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	check(f != NULL && fscanf(f, "%ld %ld", &total, &resident) == 2, "statm");
	fclose(f);
	return resident;
}

static void *short_thread(void *arg)
{
	for (size_t n = 16; n < 100000; n *= 2)
		free(memset(malloc(n), 1, n));
	return arg;
}

/* A thread's end must be noticed in a static program too. */
static void short_threads(void)
{
	pthread_t t;
	long before = 0;

	for (int i = 0; i < 3000; i++) {
		if (i == 500)
			before = resident_pages();
		check(pthread_create(&t, NULL, short_thread, NULL) == 0, "pthread_create");
		pthread_join(t, NULL);
	}
	check(resident_pages() < before + 512, "what threads leave behind grows");
}

static void whole_family(void)
{
	void *p = NULL;
	char *s = strdup("from inside libc");

	check(is_ours(s), "strdup");
	check(is_ours(s = realloc(s, 5000)), "realloc");
	check(is_ours(s = reallocarray(s, 100, 3000000 / 100)), "reallocarray");
	free(s);
	check(is_ours(p = calloc(3, 1000)) && *(char *)p == 0, "calloc");
	free(p);
	check(is_ours(p = aligned_alloc(4096, 100)), "aligned_alloc");
	free(p);
	check(posix_memalign(&p, 64, 100) == 0 && is_ours(p), "posix_memalign");
	free(p);
	check(is_ours(p = memalign(1 << 22, 10)) && ((uintptr_t)p & ((1 << 22) - 1)) == 0,
	      "memalign");
	free(p);
	check(is_ours(p = valloc(10)), "valloc");
	free(p);
	errno = 0;
	check(malloc(SIZE_MAX / 2 + 1) == NULL && errno == ENOMEM, "ENOMEM");
	check(mallinfo2().uordblks > 0, "mallinfo2");
	malloc_trim(0);
	check(getline(&(char *){ NULL }, &(size_t){ 0 }, stdin) <= 0, "getline");
}

int main(void)
{
	pthread_t t[4];
	int status;
	pid_t pid;

	whole_family();
	short_threads();
	for (int i = 0; i < 4; i++)
		check(pthread_create(&t[i], NULL, work, NULL) == 0, "pthread_create");
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (pid == 0) {
			work(NULL);
			exit(5);
		}
		check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
			      WEXITSTATUS(status) == 5, "fork");
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	check(hak_version()[0] != '\0', "hak_version");
	return 0;
}
