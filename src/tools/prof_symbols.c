/*
 * prof_symbols.c - a name for each address.
 *
 * owns: the strings.
 * called from: tools/prof.c.
 */
#include "tools/tool.h"
#include "tools/prof.h"

#include <stdlib.h>
#include <string.h>

static struct {
	const char **slots; /* a power of two of them, a quarter empty at least */
	size_t cap, n;
} strings;

void *prof_grow(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count == 0 ? 1 : count, size);
	if (p == NULL)
		tool_die(EXIT_PROF, "out of memory");
	return p;
}

static size_t hash_of(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return (size_t)(h ^ h >> 29);
}

static const char **slot_of(const char *s)
{
	size_t i = hash_of(s) & (strings.cap - 1);

	while (strings.slots[i] != NULL && strcmp(strings.slots[i], s) != 0)
		i = (i + 1) & (strings.cap - 1);
	return &strings.slots[i];
}

static void more_slots(void)
{
	const char **old = strings.slots;
	size_t nr_old = strings.cap;

	strings.cap = nr_old == 0 ? 1024 : 2 * nr_old;
	strings.slots = prof_grow(NULL, strings.cap, sizeof(char *));
	memset(strings.slots, 0, strings.cap * sizeof(char *));
	for (size_t i = 0; i < nr_old; i++) {
		if (old[i] != NULL)
			*slot_of(old[i]) = old[i];
	}
	free(old);
}

const char *prof_intern(const char *s)
{
	const char **slot;
	size_t size = strlen(s) + 1;

	if (strings.n * 4 >= strings.cap * 3)
		more_slots();
	slot = slot_of(s);
	if (*slot == NULL) {
		*slot = memcpy(prof_grow(NULL, size, 1), s, size);
		strings.n++;
	}
	return *slot;
}

static int compare_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int compare_frame(const void *address, const void *frame)
{
	uint64_t x = *(const uint64_t *)address, y = ((const struct prof_frame *)frame)->address;

	return x < y ? -1 : x > y;
}

static int mapping_of(const struct prof *p, uint64_t address)
{
	for (size_t i = 0; i < p->nr_mappings; i++) {
		if (address >= p->mappings[i].start && address < p->mappings[i].end)
			return (int)i;
	}
	return -1;
}

/* Without a better one: the file and the offset in it, or the bare address. */
static const char *bare_name(const struct prof *p, const struct prof_frame *f)
{
	const struct prof_mapping *m = f->mapping < 0 ? NULL : &p->mappings[f->mapping];
	const char *slash;
	char name[4200];

	if (m == NULL || m->file[0] == '\0') {
		snprintf(name, sizeof(name), "0x%llx", (unsigned long long)f->address);
	} else {
		slash = strrchr(m->file, '/');
		snprintf(name, sizeof(name), "%s+0x%llx", slash != NULL ? slash + 1 : m->file,
			 (unsigned long long)(f->address - m->start + m->offset));
	}
	return prof_intern(name);
}

/* What callers of an allocator do not want to see as the place that allocates. */
static bool is_allocator(const char *name)
{
	static const char *const names[] = {
		"malloc", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc",
		"posix_memalign", "valloc", "pvalloc", "__libc_malloc", "__libc_calloc",
		"__libc_realloc", "__libc_memalign", "__libc_valloc", "__libc_pvalloc",
		"__posix_memalign",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return strncmp(name, "hak_", 4) == 0 || strncmp(name, "hm_", 3) == 0 ||
	       strncmp(name, "operator new", 12) == 0;
}

static void make_frames(struct prof *p)
{
	size_t n = p->nr_addresses;
	uint64_t *sorted = prof_grow(NULL, n, sizeof(uint64_t));

	if (n > 0) {
		memcpy(sorted, p->addresses, n * sizeof(uint64_t));
		qsort(sorted, n, sizeof(uint64_t), compare_address);
	}
	p->frames = prof_grow(NULL, n, sizeof(struct prof_frame));
	for (size_t i = 0; i < n; i++) {
		struct prof_frame f = { .address = sorted[i], .file = "" };

		if (i > 0 && sorted[i] == sorted[i - 1])
			continue;
		f.mapping = mapping_of(p, f.address);
		prof_lookup(p, &f);
		if (f.function == NULL)
			f.function = bare_name(p, &f);
		else if (f.mapping >= 0)
			p->mappings[f.mapping].named = true;
		f.allocator = is_allocator(f.function);
		p->frames[p->nr_frames++] = f;
	}
	free(sorted);
}

/* The innermost frames up to the last of the allocator's own, if these are at the top. */
static void strip(const struct prof *p, struct prof_sample *s)
{
	while (s->depth > 1 && p->frames[p->addresses[s->first]].allocator) {
		s->first++;
		s->depth--;
	}
}

void prof_name(struct prof *p)
{
	bool names = prof_lookup_begin(p);

	make_frames(p);
	for (size_t i = 0; i < p->nr_addresses; i++) {
		struct prof_frame *f = bsearch(&p->addresses[i], p->frames, p->nr_frames,
					       sizeof(*f), compare_frame);

		p->addresses[i] = (uint64_t)(f - p->frames);
	}
	for (size_t i = 0; i < p->nr_samples; i++)
		strip(p, &p->samples[i]);
	for (size_t i = 0; names && i < p->nr_mappings; i++) {
		if (p->mappings[i].executable)
			prof_lookup_build_id(&p->mappings[i]);
	}
	prof_lookup_end();
}
