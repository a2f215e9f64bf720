/*
 * dlopen_host HOW LIBRARY [OTHER...]: opens the others, then the library as HOW says, and uses it.
 * Prints "works", or "refused: REASON" when the loader would not have it; status 0 then too.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *(*hak_alloc)(size_t);
static void (*hak_release)(void *);
static pthread_barrier_t opened, closed;

static void fail(const char *what)
{
	printf("%s\n", what);
	exit(1);
}

/* Blocks of both mallocs at once, each filled. */
static void work(void)
{
	void *ours[200], *theirs[200];

	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < 200; i++) {
			size_t n = (i * i * 7 + round) % 70000;

			ours[i] = hak_alloc(n);
			theirs[i] = malloc(n);
			if (ours[i] == NULL || theirs[i] == NULL)
				fail("no memory");
			memset(ours[i], (int)i, n);
			memset(theirs[i], (int)~i, n);
		}
		for (size_t i = 0; i < 200; i++) {
			if ((i * i * 7 + round) % 70000 > 0 &&
			    *(unsigned char *)ours[i] != (unsigned char)i)
				fail("overwritten");
			hak_release(ours[i]);
			free(theirs[i]);
		}
	}
}

/* Started before the library was there; ends after it was closed. */
static void *thread(void *arg)
{
	pthread_barrier_wait(&opened);
	work();
	pthread_barrier_wait(&closed);
	return arg;
}

static void *open_library(const char *how, const char *path)
{
	if (strcmp(how, "global") == 0)
		return dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	if (strcmp(how, "lazy") == 0)
		return dlopen(path, RTLD_LAZY);
	if (strcmp(how, "namespace") == 0)
		return dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
	return dlopen(path, RTLD_NOW);
}

static void look_up(void *handle)
{
	*(void **)&hak_alloc = dlsym(handle, "hak_malloc");
	*(void **)&hak_release = dlsym(handle, "hak_free");
	if (hak_alloc == NULL || hak_release == NULL)
		fail(dlerror());
}

static void in_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		work();
		_exit(7);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
		fail("the child died");
}

int main(int argc, char **argv)
{
	pthread_t t[4];
	const char *how = argv[1];
	void *handle;

	if (argc < 3)
		return 2;
	for (int i = 3; i < argc; i++)
		if (dlopen(argv[i], RTLD_NOW) == NULL)
			fail(dlerror());
	pthread_barrier_init(&opened, NULL, 5);
	pthread_barrier_init(&closed, NULL, 5);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, thread, NULL);
	handle = open_library(how, argv[2]);
	if (handle == NULL) {
		printf("refused: %s\n", dlerror());
		free(malloc(1000));
		fflush(stdout);
		_exit(0);
	}
	look_up(handle);
	pthread_barrier_wait(&opened);
	work();
	if (strcmp(how, "fork") == 0)
		in_child();
	if (strcmp(how, "twice") == 0)
		look_up(open_library(how, argv[2]));
	work();
	if (strcmp(how, "close") == 0 || strcmp(how, "twice") == 0)
		dlclose(handle);
	pthread_barrier_wait(&closed);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	puts("works");
	return 0;
}
