/*
 * elf_file.h - what a file is, as far as the loader cares.
 *
 * owns: nothing.
 * called from: tools/program.c, tools/compare.c, tools/selftest.c, tools/doctor*.c.
 */
#ifndef HM_TOOLS_ELF_FILE_H
#define HM_TOOLS_ELF_FILE_H

#include "tools/tool.h"

enum elf_kind {
	ELF_UNREADABLE, /* errno tells */
	ELF_OTHER,      /* not ELF */
	ELF_FOREIGN,    /* ELF of another class or byte order; only `machine` is known */
	ELF_BROKEN,     /* what its header says is not there */
	ELF_READ
};

struct elf_file {
	unsigned machine, type; /* e_machine, e_type */
	unsigned bits;          /* 32 or 64 */
	bool interpreted;       /* has PT_INTERP */
	bool dynamic;           /* has PT_DYNAMIC */
	char interpreter[256];
};

enum elf_kind elf_read(int fd, struct elf_file *out);

/* Whether the file, one that elf_read() read, defines all of these names; the list ends in NULL. */
bool elf_defines(int fd, const char *const *names);

/* The words of hakmem's build in the file, a program or a library: "0.1.0 headerless=1 ...". */
bool elf_build(int fd, char *out, size_t size);

/* "x86-64", or a number in `buf`. */
const char *elf_machine(const struct elf_file *file, char *buf, size_t size);

#endif
