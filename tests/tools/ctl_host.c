/*
 * ctl_host CASE [ARGUMENT]: processes that hakmem-ctl looks into; each prints "ready" when it is
 * as the script wants it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	ended = sig;
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void rest_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Much that is free: 40 MiB, in the heap's bounds. */
static void case_hold(void)
{
	static void *blocks[400];

	for (int i = 0; i < 400; i++)
		blocks[i] = memset(malloc(100000), 1, 100000);
	for (int i = 1; i < 400; i++)
		free(blocks[i]);
	ready();
	pause();
}

/* Calls that a signal or a stop of this thread would end early. */
static void *sleep_long(void *arg)
{
	struct timespec t = { 1000, 0 };

	if (nanosleep(&t, NULL) != 0)
		puts("a sleep of the program was ended");
	fflush(stdout);
	return arg;
}

static atomic_long rounds;

static void *allocate(void *arg)
{
	unsigned state = (unsigned)(size_t)arg + 1;
	void *blocks[64] = { NULL };

	while (!ended) {
		unsigned i = (state = state * 1103515245 + 12345) >> 16;

		free(blocks[i % 64]);
		blocks[i % 64] = malloc(i % 5000 + 1);
		memset(blocks[i % 64], 1, i % 5000 + 1);
		if (i % 512 == 0)
			free(malloc(300000 + i));
		rounds++;
	}
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
	return arg;
}

static void case_threads(void)
{
	pthread_t t[4], sleeper;

	signal(SIGTERM, on_term);
	pthread_create(&sleeper, NULL, sleep_long, NULL);
	for (size_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, allocate, (void *)i);
	ready();
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	puts("whole");
}

/* A child that has no helper, or has grown one; its number is printed. */
static void fork_one(int grows)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (grows)
			free(malloc(300000));
		rest_ms(200);
		printf("%d\n", (int)getpid());
		ready();
		pause();
		_exit(0);
	}
	signal(SIGTERM, on_term);
	while (!ended)
		rest_ms(20);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void case_forks(void)
{
	int bad = 0;

	signal(SIGTERM, on_term);
	ready();
	while (!ended) {
		pid_t pid = fork();
		int status = 0;

		if (pid == 0) {
			void *p = malloc(300000);

			memset(p, 1, 300000);
			free(p);
			_exit(7);
		}
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		bad += !WIFEXITED(status) || WEXITSTATUS(status) != 7;
	}
	printf("%d children failed\n", bad);
}

/* Executes itself so many times, with an allocation or two in between. */
static void case_execs(char **argv, int left)
{
	char number[16];

	if (left == 1)
		ready();
	if (left <= 1) {
		pause();
		return;
	}
	free(malloc(300000));
	rest_ms(3);
	snprintf(number, sizeof(number), "%d", left - 1);
	execl("/proc/self/exe", argv[0], "execs", number, (char *)NULL);
	_exit(9);
}

/* The first thread goes, another one stays. */
static void case_exit_first(void)
{
	pthread_t t;

	pthread_create(&t, NULL, sleep_long, NULL);
	ready();
	pthread_exit(NULL);
}

/* Traces a thread of another process, as a debugger does. */
static void case_trace(pid_t thread)
{
	signal(SIGTERM, on_term);
	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0)
		puts("not allowed");
	ready();
	while (!ended)
		rest_ms(20);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;

	if (strcmp(name, "hold") == 0)
		case_hold();
	else if (strcmp(name, "threads") == 0)
		case_threads();
	else if (strcmp(name, "fork") == 0)
		fork_one(number);
	else if (strcmp(name, "forks") == 0)
		case_forks();
	else if (strcmp(name, "execs") == 0)
		case_execs(argv, number);
	else if (strcmp(name, "exit_first") == 0)
		case_exit_first();
	else if (strcmp(name, "trace") == 0)
		case_trace(number);
	return 0;
}
