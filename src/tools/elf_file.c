/*
 * elf_file.c - reading ELF headers and dynamic symbols of files that may be anything.
 *
 * owns: nothing.
 * called from: tools/program.c, tools/compare.c, tools/selftest.c, tools/doctor*.c.
 */
#include "tools/tool.h"
#include "tools/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What this program itself is. */
#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define OWN_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

struct view {
	const unsigned char *at;
	size_t size;
};

/* False with errno when the file cannot be mapped; an empty one is an empty view. */
static bool view_open(int fd, struct view *v)
{
	struct stat st;
	void *p;

	*v = (struct view){ NULL, 0 };
	if (fstat(fd, &st) != 0)
		return false;
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return true;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	*v = (struct view){ p, (size_t)st.st_size };
	return true;
}

static void view_close(struct view *v)
{
	if (v->size > 0)
		munmap((void *)(uintptr_t)v->at, v->size);
}

/* A table's place in the file, or NULL when it is not all there. */
static const void *part(const struct view *v, uint64_t offset, uint64_t count, uint64_t each)
{
	uint64_t bytes, end;

	if (__builtin_mul_overflow(count, each, &bytes) ||
	    __builtin_add_overflow(offset, bytes, &end) || end > v->size)
		return NULL;
	return v->at + offset;
}

static void read_segment(const struct view *v, const ElfW(Phdr) * h, struct elf_file *out,
			 bool *broken)
{
	/* A file that is cut off would be loaded, and end the program by SIGBUS. */
	if (h->p_type == PT_LOAD && part(v, h->p_offset, h->p_filesz, 1) == NULL)
		*broken = true;
	if (h->p_type == PT_DYNAMIC)
		out->dynamic = true;
	if (h->p_type == PT_INTERP) {
		const char *name = part(v, h->p_offset, h->p_filesz, 1);

		out->interpreted = true;
		if (name == NULL || h->p_filesz == 0 || h->p_filesz > sizeof(out->interpreter) ||
		    name[h->p_filesz - 1] != '\0') {
			*broken = true;
			return;
		}
		memcpy(out->interpreter, name, h->p_filesz);
	}
}

static enum elf_kind read_view(const struct view *v, struct elf_file *out)
{
	const unsigned char *ident = v->at;
	ElfW(Ehdr) h;
	bool broken = false;

	if (v->size < SELFMAG || memcmp(ident, ELFMAG, SELFMAG) != 0)
		return ELF_OTHER;
	if (v->size < sizeof(Elf32_Ehdr))
		return ELF_BROKEN;
	out->bits = ident[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	/* e_type and e_machine are at the same place in both classes. */
	out->machine = ident[EI_DATA] == ELFDATA2MSB ? (unsigned)(ident[18] << 8 | ident[19])
						     : (unsigned)(ident[19] << 8 | ident[18]);
	if (ident[EI_CLASS] != OWN_CLASS || ident[EI_DATA] != OWN_DATA)
		return ELF_FOREIGN;
	if (v->size < sizeof(h))
		return ELF_BROKEN;
	memcpy(&h, v->at, sizeof(h));
	out->type = h.e_type;
	if (h.e_phentsize != sizeof(ElfW(Phdr)) ||
	    part(v, h.e_phoff, h.e_phnum, sizeof(ElfW(Phdr))) == NULL)
		return ELF_BROKEN;
	for (size_t i = 0; i < h.e_phnum; i++) {
		ElfW(Phdr) segment;

		memcpy(&segment, v->at + h.e_phoff + i * sizeof(segment), sizeof(segment));
		read_segment(v, &segment, out, &broken);
	}
	return broken ? ELF_BROKEN : ELF_READ;
}

enum elf_kind elf_read(int fd, struct elf_file *out)
{
	struct view v;
	enum elf_kind kind;

	memset(out, 0, sizeof(*out));
	if (!view_open(fd, &v))
		return ELF_UNREADABLE;
	kind = read_view(&v, out);
	view_close(&v);
	return kind;
}

static bool section_defines(const struct view *v, const ElfW(Shdr) * symbols,
			    const ElfW(Shdr) * strings, const char *name)
{
	const char *text = part(v, strings->sh_offset, strings->sh_size, 1);
	size_t count = symbols->sh_size / sizeof(ElfW(Sym));
	size_t length = strlen(name);

	if (text == NULL || part(v, symbols->sh_offset, symbols->sh_size, 1) == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		ElfW(Sym) s;

		memcpy(&s, v->at + symbols->sh_offset + i * sizeof(s), sizeof(s));
		if (s.st_shndx != SHN_UNDEF && strings->sh_size > length &&
		    s.st_name < strings->sh_size - length &&
		    memcmp(text + s.st_name, name, length + 1) == 0)
			return true;
	}
	return false;
}

static bool view_defines(const struct view *v, const char *name)
{
	ElfW(Ehdr) h;
	bool found = false;

	memcpy(&h, v->at, sizeof(h));
	if (h.e_shentsize != sizeof(ElfW(Shdr)) ||
	    part(v, h.e_shoff, h.e_shnum, sizeof(ElfW(Shdr))) == NULL)
		return false;
	for (size_t i = 0; i < h.e_shnum && !found; i++) {
		ElfW(Shdr) symbols, strings;

		memcpy(&symbols, v->at + h.e_shoff + i * sizeof(symbols), sizeof(symbols));
		if (symbols.sh_type != SHT_DYNSYM || symbols.sh_link >= h.e_shnum)
			continue;
		memcpy(&strings, v->at + h.e_shoff + symbols.sh_link * sizeof(strings),
		       sizeof(strings));
		found = section_defines(v, &symbols, &strings, name);
	}
	return found;
}

bool elf_defines(int fd, const char *const *names)
{
	struct view v;
	bool all = true;

	if (!view_open(fd, &v))
		return false;
	if (v.size < sizeof(ElfW(Ehdr)))
		all = false;
	for (; all && *names != NULL; names++)
		all = view_defines(&v, *names);
	view_close(&v);
	return all;
}

bool elf_build(int fd, char *out, size_t size)
{
	static const char begin[] = "hakmem-build: ";
	struct view v;
	const char *at = NULL, *end;

	if (!view_open(fd, &v))
		return false;
	if (v.size > 0)
		at = memmem(v.at, v.size, begin, sizeof(begin) - 1);
	if (at != NULL) {
		at += sizeof(begin) - 1;
		end = (const char *)v.at + v.size;
		for (; size > 1 && at < end && *at >= ' ' && *at < 0x7f; size--)
			*out++ = *at++;
		*out = '\0';
	}
	view_close(&v);
	return at != NULL;
}

const char *elf_machine(const struct elf_file *file, char *buf, size_t size)
{
	static const struct {
		unsigned machine, bits;
		const char *name;
	} names[] = {
		{ EM_X86_64, 64, "x86-64" }, { EM_X86_64, 32, "x32" },
		{ EM_386, 32, "i386" },      { EM_AARCH64, 64, "aarch64" },
		{ EM_ARM, 32, "arm" },       { EM_RISCV, 64, "riscv64" },
		{ EM_PPC64, 64, "ppc64" },   { EM_S390, 64, "s390x" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == file->machine && names[i].bits == file->bits)
			return names[i].name;
	}
	snprintf(buf, size, "machine %u of %u bits", file->machine, file->bits);
	return buf;
}
