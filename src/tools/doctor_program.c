/*
 * doctor_program.c - programs that hakmem does not serve, or not whole, though it is loaded: known
 * by what is in their file, or by where it is.
 *
 * owns: nothing.
 * called from: tools/doctor.c, tools/doctor_process.c.
 */
#include "tools/tool.h"
#include "tools/doctor.h"

#include "tools/elf_file.h"

#include <string.h>
#include <unistd.h>

/* What a file that has one of these names in its dynamic symbols is. The first that fits counts. */
static const struct {
	const char *names[3];
	enum finding_level level;
	const char *text, *cure;
} kinds[] = {
	{ { "__asan_init" }, FINDING_PROBLEM,
	  "built with the address sanitizer, whose malloc it needs",
	  "run it without hakmem, or with mode = passthrough" },
	{ { "__tsan_init" }, FINDING_PROBLEM,
	  "built with the thread sanitizer, whose malloc it needs",
	  "run it without hakmem, or with mode = passthrough" },
	{ { "__msan_init" }, FINDING_PROBLEM,
	  "built with the memory sanitizer, whose malloc it needs",
	  "run it without hakmem, or with mode = passthrough" },
	{ { "malloc", "hak_version" }, FINDING_OK, "linked with hakmem itself", NULL },
	{ { "malloc", "free" }, FINDING_NOTE,
	  "it brings a malloc of its own, which comes before hakmem's",
	  "set mode = passthrough for it in hakmem.conf" },
};

/* Where programs are that see another tree of files, or have another loader. */
static const struct {
	const char *prefix, *text;
} places[] = {
	{ "/snap/", "of a snap, which does not see the system's libraries" },
	{ "/var/lib/flatpak/", "of a flatpak, which does not see the system's libraries" },
};

/* Valgrind runs programs in tools of its own, which take their malloc over. */
static bool is_valgrind(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strstr(path, "/valgrind/") != NULL && slash != NULL &&
	       strstr(slash, "-linux") != NULL;
}

static void look_at_symbols(int fd, const char *path)
{
	struct elf_file elf;

	if (elf_read(fd, &elf) != ELF_READ || !elf.dynamic)
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!elf_defines(fd, kinds[i].names))
			continue;
		finding_add(kinds[i].level, "program", kinds[i].cure, "%s: %s", path,
			    kinds[i].text);
		return;
	}
}

void doctor_program(int fd, const char *path)
{
	if (is_valgrind(path)) {
		finding_add(FINDING_NOTE, "program",
			    "give valgrind --soname-synonyms=somalloc=nouserintercepts",
			    "%s: valgrind puts its own malloc in hakmem's place", path);
		return;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strncmp(path, places[i].prefix, strlen(places[i].prefix)) == 0)
			finding_add(FINDING_NOTE, "program", "let it have a library inside",
				    "%s: %s", path, places[i].text);
	}
	look_at_symbols(fd, path);
}
