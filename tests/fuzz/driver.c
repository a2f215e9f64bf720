/*
 * driver.c - runs a fuzzer's entry without a fuzzer: over the files that it is given, and over
 * random changes of these. The seed is printed; HM_TEST_SEED sets it.
 * usage: PROGRAM [-n ROUNDS] FILE...      HM_TEST_FAST=1: fewer rounds
 * An input that ends the process is left in the file fuzz-failed, which is an argument then.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SIZE_MOST 8192
#define FILES_MOST 64

static const char *const words[] = {
	"\n", "\r\n", "#", " #", "=", " = ", "[", "]", "[proc:", "[proc:/", "include ", "*",
	".conf", "+", "-", "@", "$", "overridable ", "nonoverridable ", "onlysecure ",
	"nonsecure ", "anysecure ", "dirty_max", "thp", "verbose", "preset", "mode",
	"passthrough", "server", "on", "0", "1", "4G", "18446744073709551615",
	"99999999999999999999", "never", "\t", " ", "/", "\xef\xbb\xbf", "\x7f", "../", "\xff",
};

static struct {
	uint8_t bytes[SIZE_MOST];
	size_t len;
} files[FILES_MOST], input;
static unsigned nr_files;
static uint64_t state;

static size_t below(size_t n)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (size_t)((z ^ z >> 31) >> 16) % n;
}

static void insert(size_t at, const void *bytes, size_t n)
{
	if (input.len + n > SIZE_MOST)
		return;
	memmove(input.bytes + at + n, input.bytes + at, input.len - at);
	memcpy(input.bytes + at, bytes, n);
	input.len += n;
}

static void take_out(size_t at, size_t n)
{
	memmove(input.bytes + at, input.bytes + at + n, input.len - at - n);
	input.len -= n;
}

static void change(void)
{
	const char *word = words[below(sizeof words / sizeof words[0])];
	size_t at = below(input.len + 1), left = input.len - at, n = below(left + 1);
	uint8_t part[SIZE_MOST];

	switch (below(7)) {
	case 0:
		if (left > 0)
			input.bytes[at] = (uint8_t)below(256);
		break;
	case 1:
		if (left > 0)
			input.bytes[at] ^= (uint8_t)(1u << below(8));
		break;
	case 2:
		take_out(at, n < 16 ? n : n % 16);
		break;
	case 3: /* a part of it, or of another, once more */
		memcpy(part, input.bytes + at, n);
		insert(below(input.len + 1), part, n);
		break;
	case 4:
		if (below(8) == 0)
			input.len = at;
		break;
	default:
		insert(at, word, strlen(word));
	}
}

static void keep_input(int sig)
{
	int fd = open("fuzz-failed", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0 && write(fd, input.bytes, input.len) == (ssize_t)input.len)
		close(fd);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void read_file(const char *path)
{
	FILE *f = fopen(path, "r");

	if (f == NULL) {
		perror(path);
		exit(99);
	}
	files[nr_files].len = fread(files[nr_files].bytes, 1, SIZE_MOST, f);
	fclose(f);
	input.len = files[nr_files].len;
	memcpy(input.bytes, files[nr_files].bytes, input.len);
	LLVMFuzzerTestOneInput(input.bytes, input.len);
	nr_files++;
}

int main(int argc, char **argv)
{
	const char *seed = getenv("HM_TEST_SEED");
	unsigned long rounds = getenv("HM_TEST_FAST") != NULL ? 20000 : 200000;
	int i = 1;

	state = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
	if (seed != NULL)
		state = (uint64_t)strtoull(seed, NULL, 0);
	printf("HM_TEST_SEED=%llu\n", (unsigned long long)state);
	fflush(stdout);
	signal(SIGABRT, keep_input);
	signal(SIGSEGV, keep_input);
	if (argc > 2 && strcmp(argv[1], "-n") == 0) {
		rounds = strtoul(argv[2], NULL, 10);
		i = 3;
	}
	for (; i < argc && nr_files < FILES_MOST; i++)
		read_file(argv[i]);
	if (nr_files == 0)
		nr_files = 1;
	for (unsigned long k = 0; k < rounds; k++) {
		unsigned from = (unsigned)below(nr_files);

		input.len = files[from].len;
		memcpy(input.bytes, files[from].bytes, input.len);
		for (size_t n = 1 + below(12); n > 0; n--)
			change();
		LLVMFuzzerTestOneInput(input.bytes, input.len);
	}
	printf("%u files, %lu rounds\n", nr_files, rounds);
	return 0;
}
