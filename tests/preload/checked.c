/*
 * checked CASE [SIZE]: one wrong thing that HAKMEM_CHECK=1 finds, after printing the pointer that
 * the library should name. Ends with status 3 when nothing stopped it. The case "clean" does
 * nothing wrong, with threads that come and go and processes forked meanwhile.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ABOUT_TO(p) (last = (p), dprintf(1, "%p\n", last), last)
/* More than are kept back after a free. */
#define MANY 3000

static void *volatile last;

static void *named(const char *name)
{
	void *f = dlsym(RTLD_DEFAULT, name);

	if (f == NULL)
		exit(2);
	return f;
}

static char *block(size_t n)
{
	for (int i = 0; i < 3; i++)
		memset(malloc(n), 1, n);
	return memset(malloc(n), 2, n);
}

static void free_others(void)
{
	void *p[MANY];

	for (int i = 0; i < MANY; i++)
		p[i] = malloc(40);
	for (int i = 0; i < MANY; i++)
		free(p[i]);
}

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

static void free_remote(void *p)
{
	pthread_t t;

	pthread_create(&t, NULL, free_it, p);
	pthread_join(t, NULL);
}

/* A byte before the block is the end of the one before it, or the block's own header. */
static void underrun(size_t n)
{
	char *p[16];

	for (int i = 0; i < 16; i++)
		p[i] = memset(malloc(n), 1, n);
	for (int i = 1; i < 16; i++)
		p[i][-1] ^= 0x55;
	for (int i = 0; i < 16; i++)
		free(p[i]);
}

static void size_given(char *p, size_t n)
{
	void (*f)(void *, size_t);

	*(void **)&f = named("free_sized");
	f(ABOUT_TO(p), n);
}

static int wrong(const char *name, size_t n)
{
	char *p = block(n);

	if (strcmp(name, "twice") == 0)
		free(p), free(ABOUT_TO(p));
	else if (strcmp(name, "later") == 0)
		free(p), free_others(), free(ABOUT_TO(p));
	else if (strcmp(name, "remote") == 0)
		free_remote(p), free(ABOUT_TO(p));
	else if (strcmp(name, "interior") == 0)
		free(ABOUT_TO(p + 8));
	else if (strcmp(name, "realloc_freed") == 0)
		free(p), last = realloc(ABOUT_TO(p), n + 1);
	else if (strcmp(name, "realloc_interior") == 0)
		last = realloc(ABOUT_TO(p + 16), n);
	else if (strcmp(name, "overrun") == 0)
		p[n] = 0, free(ABOUT_TO(p));
	else if (strcmp(name, "overrun_remote") == 0)
		p[n] = ' ', free_remote(ABOUT_TO(p));
	else if (strcmp(name, "overrun_realloc") == 0)
		p[n] = 0, last = realloc(ABOUT_TO(p), 2 * n);
	else if (strcmp(name, "underrun") == 0)
		underrun(n);
	else if (strcmp(name, "written") == 0)
		free(ABOUT_TO(p)), p[n - 1] = 0, free_others();
	else if (strcmp(name, "written_exit") == 0)
		free(ABOUT_TO(p)), p[0] ^= 1, exit(0);
	else if (strcmp(name, "sized_more") == 0)
		size_given(p, n + 1);
	else if (strcmp(name, "sized_less") == 0)
		size_given(p, n - 1);
	else
		return 0;
	return 1;
}

/* What nobody wrote must not read as zero: a use of it shows. */
static int junk(void)
{
	unsigned char *p = malloc(100), *q = calloc(1, 100);

	for (int i = 0; i < 100; i++)
		if (p[i] == 0 || q[i] != 0)
			return 3;
	return 0;
}

static atomic_int stop;
static _Atomic(void *) slots[256];

static void *work(void *arg)
{
	unsigned x = (unsigned)(uintptr_t)arg;

	while (!atomic_load(&stop)) {
		x = x * 1103515245 + 12345;
		size_t n = x >> 8 & (x & 1 << 30 ? 0xffff : 0x1ff);
		char *p = x & 1 << 7 ? calloc(1, n) : malloc(n);

		memset(p, 1, n);
		if (x & 1 << 29)
			p = realloc(p, n / 2 + 100);
		free(atomic_exchange(&slots[x >> 16 & 255], p));
	}
	return NULL;
}

static void *short_thread(void *arg)
{
	free(atomic_exchange(&slots[(uintptr_t)arg & 255], strdup("short")));
	return NULL;
}

static int clean(void)
{
	pthread_t t[4], s;
	int status;

	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, work, (void *)(i * 99991 + 7));
	for (uintptr_t i = 0; i < 100; i++) {
		pthread_create(&s, NULL, short_thread, (void *)i);
		pthread_join(s, NULL);
		if (i % 4 != 0)
			continue;
		pid_t pid = fork();

		if (pid == 0) {
			free_others();
			for (int k = 0; k < 256; k++)
				free(atomic_exchange(&slots[k], NULL));
			exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || status != 0)
			return 3;
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "clean") == 0)
		return clean();
	if (argc == 2 && strcmp(argv[1], "junk") == 0)
		return junk();
	if (argc == 3 && wrong(argv[1], strtoul(argv[2], NULL, 10)))
		return 3;
	return 2;
}
