/* children CASE: makes children in one of the ways there are; each allocates, the parent too. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc 2.34 and later. */
pid_t _Fork(void) __attribute__((weak));

static int bad;
static volatile int stop;
static void *volatile shared;

static void use_some(void)
{
	void *p[30];

	for (size_t i = 0; i < 30; i++) {
		p[i] = malloc(i * i * 60);
		memset(p[i], (int)i, i * i * 60);
	}
	free(malloc(3000000));
	for (size_t i = 0; i < 30; i++)
		free(p[i]);
}

static void wait_for(pid_t pid, int wanted)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != wanted)
		bad = 1;
}

/* With nothing allocated yet in this process, whatever the loader did. */
static void case_fork_early(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			use_some();
			pid = fork();
			if (pid == 0) {
				use_some();
				exit(4);
			}
			wait_for(pid, 4);
			exit(3 + bad);
		}
		wait_for(pid, 3);
	}
}

/* The child borrows the parent's memory and thread; what it allocates stays. */
static void case_vfork(void)
{
	for (int i = 0; i < 200; i++) {
		pid_t pid;

		use_some();
		pid = vfork();
		if (pid == 0) {
			shared = malloc(500);
			free(malloc(20));
			if (i % 2)
				execl("/bin/true", "true", (char *)NULL);
			_exit(0);
		}
		wait_for(pid, 0);
		free(shared);
	}
}

static void case_spawn(void)
{
	for (int i = 0; i < 50; i++) {
		char *args[] = { "sh", "-c", "exit 6", NULL };
		posix_spawn_file_actions_t actions;
		extern char **environ;
		pid_t pid;

		use_some();
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", 0, 0);
		if (posix_spawnp(&pid, "sh", &actions, NULL, args, environ) != 0)
			bad = 1;
		else
			wait_for(pid, 6);
		posix_spawn_file_actions_destroy(&actions);
	}
	if (system("exit 5") >> 8 != 5)
		bad = 1;
}

static int in_clone(void *arg)
{
	use_some();
	free(arg);
	shared = malloc(800);
	return 8;
}

/* As posix_spawn does it: the parent's memory, a stack of its own. */
static void do_clone(int flags)
{
	static char stack[256 * 1024] __attribute__((aligned(64)));

	for (int i = 0; i < 100; i++) {
		void *p = malloc(100);

		wait_for(clone(in_clone, stack + sizeof(stack), flags | SIGCHLD, p), 8);
		if (flags & CLONE_VM)
			free(shared);
		else
			free(p);
		use_some();
	}
}

/* No fork handler runs: one thread, so no lock is held. */
static void case_bare_fork(void)
{
	for (int i = 0; i < 50; i++) {
		pid_t pid = _Fork != NULL && i % 2 ? _Fork() : (pid_t)syscall(SYS_fork);

		if (pid == 0) {
			use_some();
			_exit(2);
		}
		wait_for(pid, 2);
		use_some();
	}
}

static void *busy(void *arg)
{
	while (!stop)
		use_some();
	return arg;
}

/* Many threads at it while one forks; the child allocates, frees, makes threads. */
static void case_threads(void)
{
	int rounds = getenv("HM_TEST_FAST") != NULL ? 40 : 150;
	pthread_t t[6];

	for (int i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, busy, NULL);
	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(20);
			use_some();
			if (i % 10 == 0) {
				pthread_t u;

				stop = 1;
				pthread_create(&u, NULL, busy, NULL);
				pthread_join(u, NULL);
			}
			exit(1);
		}
		wait_for(pid, 1);
	}
	stop = 1;
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
}

static void handler(void)
{
	use_some();
	free(shared);
	shared = malloc(900);
}

static void case_handlers(void)
{
	for (int i = 0; i < 5; i++)
		pthread_atfork(handler, handler, handler);
	case_threads();
}

static void *forker(void *arg)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(20);
			use_some();
			_exit(0);
		}
		wait_for(pid, 0);
		use_some();
	}
	return arg;
}

static void case_storm(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, forker, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "fork_early") == 0)
		case_fork_early();
	else if (strcmp(name, "vfork") == 0)
		case_vfork();
	else if (strcmp(name, "spawn") == 0)
		case_spawn();
	else if (strcmp(name, "clone_vm") == 0)
		do_clone(CLONE_VM | CLONE_VFORK);
	else if (strcmp(name, "clone_process") == 0)
		do_clone(0);
	else if (strcmp(name, "bare_fork") == 0)
		case_bare_fork();
	else if (strcmp(name, "threads") == 0)
		case_threads();
	else if (strcmp(name, "handlers") == 0)
		case_handlers();
	else if (strcmp(name, "storm") == 0)
		case_storm();
	if (bad)
		fputs("something went wrong\n", stderr);
	return bad;
}
