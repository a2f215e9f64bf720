/*
 * launch.c - starts one measured program and says what it needed.
 *
 *   launch FD PRELOAD COMMAND [ARGUMENT...]     PRELOAD: a library, or "-" for none
 *   launch --which                              prints the file whose malloc this process calls
 *
 * bench/run is too large to do this itself: a process's peak memory is at least its parent's at
 * the time of exec, and its start costs more the larger the parent. To FD goes a line "pid N" when
 * the program runs and, when it has ended,
 *   "end WAITSTATUS WALL_NS USER_US SYSTEM_US PEAK_KIB MINOR MAJOR"
 * from wait4, so of the program and of all the descendants that were waited for; the peak is that
 * of the largest process among them. LD_PRELOAD is set for the program only.
 */
#include "../bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A broken allocator is to crash here, where it costs nothing. */
static int which(void)
{
	enum { BLOCKS = 4000 };
	static char *blocks[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(i * 17 % 4000 + 1);
		if (blocks[i] == NULL)
			bench_fail("out of memory");
		blocks[i][0] = (char)i;
	}
	for (size_t i = 0; i < BLOCKS; i += 2) {
		blocks[i] = realloc(blocks[i], i * 31 % 20000 + 1);
		if (blocks[i] == NULL)
			bench_fail("out of memory");
	}
	for (size_t i = 0; i < BLOCKS; i++)
		bench_free(blocks[i], (char)i);
	free(calloc(3, 100000));
	printf("%s\n", bench_allocator());
	return 0;
}

static void child(const char *preload, char **command)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(127);
	if (strcmp(preload, "-") != 0 && setenv("LD_PRELOAD", preload, 1) != 0)
		_exit(127);
	execv(command[0], command);
	fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
	_exit(127);
}

static long long nanoseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static long long microseconds(struct timeval t)
{
	return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage used;
	long long begin;
	int fd, status;
	pid_t pid;

	if (argc == 2 && strcmp(argv[1], "--which") == 0)
		return which();
	if (argc < 4)
		bench_fail("usage: launch FD PRELOAD COMMAND [ARGUMENT...], or launch --which");
	fd = atoi(argv[1]);
	if (fd <= 2 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		bench_fail("launch: FD is no open descriptor above 2");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	begin = nanoseconds();
	pid = fork();
	if (pid < 0)
		bench_fail("launch: fork failed");
	if (pid == 0)
		child(argv[2], argv + 3);
	dprintf(fd, "pid %d\n", (int)pid);
	while (wait4(pid, &status, 0, &used) < 0)
		if (errno != EINTR)
			bench_fail("launch: wait4 failed");
	dprintf(fd, "end %d %lld %lld %lld %ld %ld %ld\n", status, nanoseconds() - begin,
		microseconds(used.ru_utime), microseconds(used.ru_stime), used.ru_maxrss,
		used.ru_minflt, used.ru_majflt);
	return 0;
}
