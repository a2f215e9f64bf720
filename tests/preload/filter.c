/*
 * filter CASE NAME...: works with memory under a filter that ends the process for some calls.
 *	none         under no filter
 *	kill NAME... all calls are permitted but these
 *	only NAME... no calls are permitted but these, and this program's own
 *	run NAME... -- COMMAND...  a command under a filter as of kill, made before its start
 * A line to no file marks where the work begins and ends, for a tracer.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 3
#define TINY 400000
#define LARGE 100
#define MIB ((size_t)1 << 20)

static const struct {
	const char *name;
	long numbers[2]; /* the second: of another width; -1: none */
} calls[] = {
#ifdef SYS_mmap2
	{ "mmap", { SYS_mmap2, -1 } },
#else
	{ "mmap", { SYS_mmap, -1 } },
#endif
	{ "munmap", { SYS_munmap, -1 } },
	{ "mremap", { SYS_mremap, -1 } },
	{ "madvise", { SYS_madvise, -1 } },
	{ "mincore", { SYS_mincore, -1 } },
	{ "prctl", { SYS_prctl, -1 } },
	{ "prlimit", { SYS_prlimit64, -1 } },
	{ "openat", { SYS_openat, -1 } },
	{ "read", { SYS_read, -1 } },
	{ "close", { SYS_close, -1 } },
#ifdef SYS_futex_time64
	{ "futex", { SYS_futex, SYS_futex_time64 } },
#else
	{ "futex", { SYS_futex, -1 } },
#endif
#ifdef SYS_clock_gettime64
	{ "clock_gettime", { SYS_clock_gettime, SYS_clock_gettime64 } },
#else
	{ "clock_gettime", { SYS_clock_gettime, -1 } },
#endif
	/* This program's own: its marks, its threads' ends, its end. */
	{ "write", { SYS_write, SYS_exit_group } },
	{ "exit", { SYS_exit, SYS_rt_sigprocmask } },
};
#define CALLS (sizeof calls / sizeof calls[0])
#define OWN 2

static struct sock_filter code[4 + 4 * CALLS];
static unsigned short length;

static void add(struct sock_filter line)
{
	code[length++] = line;
}

static void add_call(size_t i, uint32_t action)
{
	for (int k = 0; k < 2; k++) {
		if (calls[i].numbers[k] < 0)
			continue;
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						 (uint32_t)calls[i].numbers[k], 0, 1));
		add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
	}
}

/* The names up to -- or the end; returns how many. */
static int filter(char **names, uint32_t named, uint32_t others)
{
	int n;

	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					 offsetof(struct seccomp_data, nr)));
	for (n = 0; names[n] != NULL && strcmp(names[n], "--") != 0; n++) {
		size_t i = 0;

		while (i < CALLS && strcmp(calls[i].name, names[n]) != 0)
			i++;
		if (i == CALLS) {
			fprintf(stderr, "unknown: %s\n", names[n]);
			exit(99);
		}
		add_call(i, named);
	}
	if (others != SECCOMP_RET_ALLOW)
		for (size_t i = CALLS - OWN; i < CALLS; i++)
			add_call(i, SECCOMP_RET_ALLOW);
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others));
	return n;
}

/* For all threads. */
static void enter(void)
{
	struct sock_fprog program = { .len = length, .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		exit(77);
}

static char *written(size_t n)
{
	char *p = malloc(n);

	if (p == NULL)
		_exit(3);
	for (size_t i = 0; i < n; i += 2048)
		p[i] = 1;
	return p;
}

static void *blocks[TINY];
static void *large[LARGE];

static void work(void)
{
	char *p;

	for (size_t i = 0; i < TINY; i++)
		blocks[i] = written(100 + i % 150);
	for (size_t i = 0; i < LARGE; i++)
		large[i] = written(3 * MIB);
	for (size_t i = 0; i < LARGE; i += 2)
		free(large[i]);
	for (size_t i = 0; i < LARGE; i += 2)
		large[i] = written((i % 7 + 3) * MIB);
	p = written(5 * MIB);
	for (size_t n = 6; n < 60; n += 3) {
		p = realloc(p, n * MIB);
		if (p == NULL)
			_exit(3);
		memset(p + (n - 1) * MIB, 1, MIB);
	}
	free(p);
	for (size_t i = 0; i < LARGE; i++)
		free(large[i]);
	for (size_t i = 0; i < 1000; i++)
		free(written(i * 256));
	for (size_t i = 0; i < TINY; i++)
		if (i % 64 != 0)
			free(blocks[i]);
	malloc_trim(0);
}

static pthread_barrier_t begin;

/* All meet at the heap's locks, and at each other's blocks. */
static void *in_thread(void *arg)
{
	static void *_Atomic shared[64];
	void *volatile *mine = arg;

	/* There, and again when all are confined: a thread's start makes calls of its own. */
	pthread_barrier_wait(&begin);
	pthread_barrier_wait(&begin);
	for (size_t i = 0; i < 100000; i++)
		free(atomic_exchange(&shared[i % 64], written(1 + i * 37 % 20000)));
	*mine = written(1000);
	return NULL;
}

static void mark(const char *text)
{
	if (write(-1, text, strlen(text)) == 0)
		_exit(3);
}

static int confined(int confine)
{
	pthread_t threads[THREADS];
	void *left[THREADS];

	pthread_barrier_init(&begin, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, in_thread, &left[i]) != 0)
			return 99;
	pthread_barrier_wait(&begin);
	if (confine)
		enter();
	mark("the work begins");
	pthread_barrier_wait(&begin);
	work();
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		free(left[i]);
	}
	mark("the work ends");
	return 0;
}

int main(int argc, char **argv)
{
	int n;

	if (argc < 2)
		return 99;
	if (strcmp(argv[1], "none") == 0)
		return confined(0);
	if (strcmp(argv[1], "only") == 0) {
		filter(argv + 2, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
		/* Not return: stdio and the loader have calls of their own at exit. */
		_exit(confined(1));
	}
	n = filter(argv + 2, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
	if (strcmp(argv[1], "kill") == 0)
		return confined(1);
	if (argv[2 + n] == NULL)
		return 99;
	enter();
	execvp(argv[3 + n], argv + 3 + n);
	return 99;
}
