/*
 * prof_dwfl.c - names for addresses, from symbol tables and debugging information (elfutils).
 *
 * owns: the session with libdwfl.
 * called from: tools/prof_symbols.c.
 * The files are those that were mapped, as they are now. Nothing is asked for over a network.
 */
#include "tools/tool.h"
#include "tools/prof.h"

#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

static Dwfl *dwfl;
static char *debug_path;
/* The C++ run-time's, if there is one here. */
static char *(*demangle)(const char *, char *, size_t *, int *);

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &debug_path,
};

bool prof_lookup_begin(const struct prof *p)
{
	FILE *maps;
	void *cxx = dlopen("libstdc++.so.6", RTLD_NOW);

	if (cxx != NULL)
		*(void **)&demangle = dlsym(cxx, "__cxa_demangle");
	/* elfutils would ask a server for what is not here. */
	unsetenv("DEBUGINFOD_URLS");
	if (p->maps_size == 0)
		return false;
	maps = fmemopen(p->maps, p->maps_size, "r");
	dwfl = maps == NULL ? NULL : dwfl_begin(&callbacks);
	if (dwfl == NULL)
		tool_die(EXIT_PROF, "out of memory");
	dwfl_report_begin(dwfl);
	if (dwfl_linux_proc_maps_report(dwfl, maps) != 0)
		tool_say("the mappings are not understood: functions have no names");
	dwfl_report_end(dwfl, NULL, NULL);
	fclose(maps);
	return true;
}

static const char *readable(const char *symbol)
{
	char *text = NULL, *plain = strdup(symbol);
	const char *name;

	if (plain == NULL)
		tool_die(EXIT_PROF, "out of memory");
	/* Without the version: name@@VERSION. */
	plain[strcspn(plain, "@")] = '\0';
	if (demangle != NULL && symbol[0] == '_' && symbol[1] == 'Z')
		text = demangle(plain, NULL, NULL, NULL);
	name = prof_intern(text != NULL ? text : plain);
	free(text);
	free(plain);
	return name;
}

void prof_lookup(const struct prof *p, struct prof_frame *f)
{
	Dwfl_Module *module;
	Dwfl_Line *line;
	const char *symbol, *source;
	int number;

	(void)p;
	module = dwfl == NULL ? NULL : dwfl_addrmodule(dwfl, f->address);
	if (module == NULL)
		return;
	symbol = dwfl_module_addrname(module, f->address);
	if (symbol != NULL && symbol[0] != '\0')
		f->function = readable(symbol);
	line = dwfl_module_getsrc(module, f->address);
	source = line == NULL ? NULL :
				dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);
	if (source != NULL) {
		f->file = prof_intern(source);
		f->line = number > 0 ? (unsigned)number : 0;
	}
}

void prof_lookup_build_id(struct prof_mapping *m)
{
	Dwfl_Module *module = dwfl == NULL ? NULL : dwfl_addrmodule(dwfl, m->start);
	const unsigned char *bits;
	GElf_Addr at;
	GElf_Addr bias;
	int n;

	if (module == NULL || dwfl_module_getelf(module, &bias) == NULL)
		return;
	n = dwfl_module_build_id(module, &bits, &at);
	for (int i = 0; i < n && (size_t)i < sizeof(m->build_id) / 2 - 1; i++)
		snprintf(m->build_id + 2 * i, 3, "%02x", bits[i]);
}

void prof_lookup_end(void)
{
	if (dwfl != NULL)
		dwfl_end(dwfl);
	dwfl = NULL;
}
