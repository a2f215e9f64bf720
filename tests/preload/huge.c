/*
 * huge: what the mappings of blocks say about huge pages, and a system that refuses madvise.
 *
 * huge advice KIB MIB: allocates MIB of blocks of KIB, writes them whole and prints, for the first
 *   and the last, what was asked for: "hg" (huge pages), "nh" (none) or "-" (nothing).
 * huge holes MIB: allocates and writes MIB of blocks of a KiB, frees all but one in ten pages,
 *   prints the advice of one that stays, before and after.
 * huge sparse: touches blocks of 5 MiB here and there, prints the KiB that are in huge pages.
 * huge work: allocates, frees and allocates, blocks of all sizes; their contents are looked at.
 * huge refuse ERRNO COMMAND...: the command, with every madvise failing so.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define BLOCKS 20000

static unsigned long random_state = 42;

static size_t random_below(size_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % n;
}

static char *written(size_t n, int mark)
{
	char *p = malloc(n);

	if (p == NULL)
		exit(3);
	return memset(p, mark, n);
}

/* The advice of the mapping that p lies in. */
static const char *advice_of(const void *p)
{
	static char line[512];
	unsigned long from, to;
	int inside = 0;
	FILE *f = fopen("/proc/self/smaps", "re");
	const char *advice = "none";

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)p >= from && (uintptr_t)p < to;
		if (inside && strncmp(line, "VmFlags:", 8) == 0)
			advice = strstr(line, " hg") ? "hg" : strstr(line, " nh") ? "nh" : "-";
	}
	if (f != NULL)
		fclose(f);
	return advice;
}

static int advice(size_t size, size_t mib)
{
	size_t n = mib * KIB * KIB / size;
	char *first = NULL, *last = NULL;

	for (size_t i = 0; i < n; i++) {
		last = written(size, 1);
		first = first == NULL ? last : first;
	}
	printf("%s ", advice_of(first));
	printf("%s\n", advice_of(last));
	return 0;
}

static int holes(size_t mib)
{
	size_t n = mib * KIB, one_in = (size_t)sysconf(_SC_PAGESIZE) / 100;
	char **blocks = malloc(n * sizeof(*blocks));

	if (blocks == NULL)
		return 3;
	for (size_t i = 0; i < n; i++)
		blocks[i] = written(KIB, 1);
	printf("%s ", advice_of(blocks[n / 2]));
	for (size_t i = 0; i < n; i++)
		if (i % one_in != n / 2 % one_in)
			free(blocks[i]);
	printf("%s\n", advice_of(blocks[n / 2]));
	return 0;
}

static int sparse(void)
{
	static char line[512];
	FILE *f;

	for (int i = 0; i < 20; i++) {
		char *p = malloc(5000 * KIB);

		if (p == NULL)
			return 3;
		p[3000 * KIB] = 1;
	}
	f = fopen("/proc/self/smaps_rollup", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "AnonHugePages:", 14) == 0)
			printf("%ld\n", atol(line + 14));
	return 0;
}

static size_t mixed(void)
{
	size_t draw = random_below(1000);

	return 1 + random_below(draw == 0 ? 6000 * KIB : draw < 20 ? 200 * KIB : 2 * KIB);
}

static int work(void)
{
	static char *blocks[BLOCKS];
	static size_t sizes[BLOCKS];

	for (int i = 0; i < 20 * BLOCKS; i++) {
		size_t at = random_below(BLOCKS);
		char mark = (char)at;

		if (blocks[at] != NULL &&
		    (blocks[at][0] != mark || blocks[at][sizes[at] - 1] != mark))
			return 1;
		free(blocks[at]);
		blocks[at] = NULL;
		if (random_below(i / (2 * BLOCKS) % 2 == 0 ? 8 : 2) == 0)
			continue;
		sizes[at] = mixed();
		blocks[at] = written(sizes[at], mark);
	}
	return 0;
}

static int refuse(int error, char **command)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = 4, .filter = rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		return 77;
	execvp(command[0], command);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "advice") == 0)
		return advice((size_t)atol(argv[2]) * KIB, (size_t)atol(argv[3]));
	if (argc == 3 && strcmp(argv[1], "holes") == 0)
		return holes((size_t)atol(argv[2]));
	if (argc == 2 && strcmp(argv[1], "sparse") == 0)
		return sparse();
	if (argc == 2 && strcmp(argv[1], "work") == 0)
		return work();
	if (argc > 3 && strcmp(argv[1], "refuse") == 0)
		return refuse(atoi(argv[2]), argv + 3);
	return 2;
}
