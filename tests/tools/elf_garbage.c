/*
 * elf_garbage.c - elf_file.c reads files that are damaged in every place that it looks at: it must
 * end, and stay within the file.
 *
 * usage: elf_garbage FILE ROUNDS SEED: each round a copy of the file, cut or with bytes changed.
 * owns: nothing.
 * called from: tests/tools/elf.sh, which compiles it with sanitizers where there are any.
 */
#include "tools/tool.h"
#include "tools/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE_LIMIT (4 << 20)

static unsigned char whole[SIZE_LIMIT], copy[SIZE_LIMIT];
static uint64_t state;

static uint64_t next(uint64_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

/* The headers, the section table and anything: where a change matters, and where it should not. */
static size_t place(size_t size)
{
	Elf64_Ehdr h;

	memcpy(&h, whole, sizeof(h));
	switch (next(4)) {
	case 0:
		return next(64);
	case 1:
		return 64 + next(56 * 12);
	case 2:
		return h.e_shoff < size ? h.e_shoff + next(size - h.e_shoff) : next(size);
	default:
		return next(size);
	}
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "malloc", "free", "hak_version", NULL };
	long counts[ELF_READ + 1] = { 0 }, defined = 0;
	size_t size;
	int fd;

	if (argc != 4 || (fd = open(argv[1], O_RDONLY)) < 0)
		return 99;
	size = (size_t)read(fd, whole, sizeof(whole));
	close(fd);
	state = strtoull(argv[3], NULL, 10);
	for (long rounds = atol(argv[2]); rounds > 0; rounds--) {
		size_t length = next(4) == 0 ? next(size + 1) : size;
		struct elf_file elf;
		char text[64];

		memcpy(copy, whole, size);
		for (uint64_t i = next(8); i > 0; i--)
			copy[place(size)] = (unsigned char)(next(2) == 0 ? next(256) : 255);
		fd = memfd_create("elf", 0);
		if (fd < 0 || write(fd, copy, length) != (ssize_t)length)
			return 99;
		counts[elf_read(fd, &elf)]++;
		(void)elf_machine(&elf, text, sizeof(text));
		defined += elf_defines(fd, names);
		if (elf_build(fd, text, sizeof(text)) && strlen(text) >= sizeof(text))
			return 1;
		if (memchr(elf.interpreter, '\0', sizeof(elf.interpreter)) == NULL)
			return 1;
		close(fd);
	}
	printf("other %ld foreign %ld broken %ld read %ld, %ld define the names\n",
	       counts[ELF_OTHER], counts[ELF_FOREIGN], counts[ELF_BROKEN], counts[ELF_READ],
	       defined);
	/* Else nothing was tried. */
	return counts[ELF_OTHER] == 0 || counts[ELF_BROKEN] == 0 || counts[ELF_READ] == 0 ||
	       defined == 0;
}
