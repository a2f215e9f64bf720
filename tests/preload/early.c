/*
 * Allocates before anything else of the process: in a constructor of a library that the program
 * depends on, which runs before the preloaded library's own. Starts a thread and forks there too.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char *early_block;
int early_bad;

int early_check(void);

static void *thread(void *arg)
{
	char *p = memset(malloc(1000), 5, 1000);

	free(malloc(3000000));
	free(arg);
	return p;
}

__attribute__((constructor)) static void before_all(void)
{
	pthread_t t;
	void *p;
	int status;
	pid_t pid;

	early_block = memset(malloc(100), 7, 100);
	free(NULL);
	early_bad |= dlsym(RTLD_DEFAULT, "there_is_no_such_symbol") != NULL;
	early_bad |= dlerror() == NULL;
	early_bad |= dlopen("/nonexistent/library.so", RTLD_NOW) != NULL;
	early_bad |= dlerror() == NULL;
	early_bad |= pthread_create(&t, NULL, thread, malloc(200)) != 0;
	pthread_join(t, &p);
	free(p);
	pid = fork();
	if (pid == 0) {
		free(early_block);
		free(malloc(5000));
		_exit(9);
	}
	early_bad |= waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		     WEXITSTATUS(status) != 9;
}

/* The last destructor of all. */
__attribute__((destructor)) static void after_all(void)
{
	free(early_block);
	early_block = memset(malloc(100000), 1, 100000);
}

int early_check(void)
{
	for (int i = 0; i < 100; i++)
		early_bad |= early_block[i] != 7;
	return early_bad;
}
