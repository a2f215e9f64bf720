/*
 * faults.c - the fewest minor page faults that a program has in thirty runs: where the kernel
 * places it decides about a few.
 *
 * usage: faults PROGRAM
 */
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long fewest = LONG_MAX;

	if (argc != 2)
		return 2;
	for (int i = 0; i < 30; i++) {
		struct rusage used;
		pid_t child = vfork();
		int status;

		if (child == 0) {
			execv(argv[1], argv + 1);
			_exit(127);
		}
		if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0)
			return 1;
		if (used.ru_minflt < fewest)
			fewest = used.ru_minflt;
	}
	printf("%ld\n", fewest);
	return 0;
}
