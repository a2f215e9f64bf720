/*
 * memory.h - what the programs of this folder share: figures about the process itself, read from
 * /proc without any call of malloc, sizes, random numbers, options NAME=VALUE, output.
 *
 * Each program prints lines "NAME NUMBER". None depends on an allocator; a figure that must not
 * have the program's own tables in it is taken against a base, and tables are mapped, not malloced.
 */
#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* A text of at most some 200 bytes, by write(2): stdio's streams would allocate. */
static inline void say(int fd, const char *format, ...)
{
	char line[256];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(line) || write(fd, line, (size_t)n) != n)
		_exit(2);
}

static inline void figure(const char *name, size_t value)
{
	say(1, "%s %zu\n", name, value);
}

/* part / whole, to three places. */
static inline void figure_part(const char *name, size_t part, size_t whole)
{
	size_t thousandths = whole == 0 ? 0 : (part * 1000 + whole / 2) / whole;

	say(1, "%s %zu.%03zu\n", name, thousandths / 1000, thousandths % 1000);
}

static inline void figure_mib(const char *name, size_t bytes)
{
	say(1, "%s %zu.%zu\n", name, bytes / MIB, bytes % MIB * 10 / MIB);
}

static inline void must(int good, const char *what)
{
	if (good)
		return;
	say(2, "failed: %s\n", what);
	_exit(1);
}

/* The options: each argument is NAME=VALUE with a NAME that the program asks for. */
static inline const char *option_text(char **argv, const char *name, const char *normal)
{
	const char *found = normal;
	size_t n = strlen(name);

	for (char **a = argv + 1; *a != NULL; a++) {
		if (strncmp(*a, name, n) == 0 && (*a)[n] == '=')
			found = *a + n + 1;
	}
	return found;
}

static inline size_t option(char **argv, const char *name, size_t normal)
{
	const char *text = option_text(argv, name, NULL);
	char *end;
	size_t value;

	if (text == NULL)
		return normal;
	value = strtoul(text, &end, 10);
	must(*text >= '0' && *text <= '9' && *end == '\0' && value < (size_t)1 << 32, text);
	return value;
}

/* Ends the program when an argument is none of NAMES, a list with a blank after each. */
static inline void only_options(char **argv, const char *names)
{
	for (char **a = argv + 1; *a != NULL; a++) {
		const char *end = strchr(*a, '=');
		const char *at = names;
		size_t n = end == NULL ? 0 : (size_t)(end - *a);

		while (n > 0 && *at != '\0' && (strncmp(at, *a, n) != 0 || at[n] != ' '))
			at += strcspn(at, " ") + 1;
		if (n > 0 && *at != '\0')
			continue;
		say(2, "usage: options %s(NAME=NUMBER)\n", names);
		_exit(2);
	}
}

/* Zeroed memory that is resident from the start and not the allocator's. */
static inline void *mapped(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		       -1, 0);

	must(p != MAP_FAILED, "mmap of the program's table");
	return p;
}

/* The number behind FIELD in a file of /proc, in KiB; most when there is no such line. */
static inline size_t proc_kib(const char *file, const char *field)
{
	static char text[8192];
	size_t n = 0;
	ssize_t got;
	char *at;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	must(fd >= 0, file);
	while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	close(fd);
	text[n] = '\0';
	at = strstr(text, field);
	must(at != NULL, field);
	return strtoul(at + strlen(field), NULL, 10);
}

/* Exact, unlike statm, whose counters are per processor; not for two threads at once. */
static inline size_t resident(void)
{
	return proc_kib("/proc/self/smaps_rollup", "\nRss:") * KIB;
}

static inline size_t resident_huge(void)
{
	return proc_kib("/proc/self/smaps_rollup", "\nAnonHugePages:") * KIB;
}

static inline size_t more_than(size_t now, size_t base)
{
	return now > base ? now - base : 0;
}

/* How many mappings the process has. */
static inline size_t mappings(void)
{
	static char text[65536];
	size_t lines = 0;
	ssize_t got;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	must(fd >= 0, "/proc/self/maps");
	while ((got = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < got; i++)
			lines += text[i] == '\n';
	}
	close(fd);
	return lines;
}

static inline uint64_t nanoseconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void rest(size_t milliseconds)
{
	struct timespec t = { .tv_sec = (time_t)(milliseconds / 1000),
			      .tv_nsec = (long)(milliseconds % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* Splitmix: Steele, Lea, Flood, OOPSLA 2014. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline size_t random_below(uint64_t *state, size_t n)
{
	return (size_t)(random_next(state) % n);
}

/* From 2^LOW up to below 2^HIGH: each doubling as often as any other, even inside of it. */
static inline size_t log_size(uint64_t *state, size_t low, size_t high)
{
	size_t base = (size_t)1 << (low + random_below(state, high - low));

	return base + random_below(state, base);
}

/*
 * A mixture like that of a server: of a thousand blocks one or so of 128 KiB to 1 MiB, 36 of 1 to
 * 128 KiB, all others smaller; of the bytes those are 3, 5 and 1 in ten. What is over MOST is
 * small instead.
 */
static inline size_t mixed_size(uint64_t *state, size_t most)
{
	size_t draw = random_below(state, 10000);
	size_t n = draw < 12   ? log_size(state, 17, 20)
		   : draw < 372 ? log_size(state, 10, 17)
				: log_size(state, 4, 10);

	return n <= most ? n : log_size(state, 4, 10);
}

/* A block, written to its last byte. */
static inline void *written_block(size_t n)
{
	void *p = malloc(n);

	must(p != NULL, "malloc");
	return memset(p, 1, n);
}

static inline void shuffle(void **p, size_t n, uint64_t *state)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = random_below(state, i);
		void *other = p[k];

		p[k] = p[i - 1];
		p[i - 1] = other;
	}
}

#endif
