/*
 * profile_table.c - stacks that allocated, and the sampled blocks that live.
 *
 * owns: what heap/profile_table.h says.
 * called from: heap/profile_table.h's users.
 */
#include "base/base.h"
#include "heap/profile_table.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "os/os.h"

#include <string.h>

#define CHUNK ((size_t)256 << 10)
#define SITE_HEADS ((size_t)1 << 14)
#define RECORD_HEADS_FIRST ((size_t)1 << 12)

static struct {
	char *chunk, *chunk_end;
	_Atomic size_t memory;
	struct hm_site **sites; /* SITE_HEADS lists */
	_Atomic(struct hm_site *) youngest;
	struct hm_record **records; /* nr_heads lists, a power of two; NULL at first */
	size_t nr_heads;
	_Atomic size_t nr_records;
	struct hm_record *unused;
	unsigned profile; /* how many there were */
} table;

size_t hm_table_records(void)
{
	return hm_load_relaxed(&table.nr_records);
}

size_t hm_table_memory(void)
{
	return hm_load_relaxed(&table.memory);
}

const struct hm_site *hm_table_first(void)
{
	return hm_load_acquire(&table.youngest);
}

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void *map(size_t size)
{
	size_t had = hm_load_relaxed(&table.memory);
	void *p;

	size = hm_align_up(size, hm_os_page_size());
	if (size > HM_PROFILE_MEMORY - had)
		return NULL;
	p = hm_os_map_aligned(size, hm_os_page_size(), false);
	if (p == NULL)
		return NULL;
	hm_os_advise_nohuge(p, size);
	hm_store_relaxed(&table.memory, had + size);
	return p;
}

/* A piece of a chunk, that is never given back. */
static void *take(size_t size)
{
	void *p;

	size = hm_align_up(size, sizeof(uint64_t));
	if ((size_t)(table.chunk_end - table.chunk) < size) {
		table.chunk = map(CHUNK);
		table.chunk_end = table.chunk == NULL ? NULL : table.chunk + CHUNK;
		if (table.chunk == NULL)
			return NULL;
	}
	p = table.chunk;
	table.chunk += size;
	return p;
}

static struct hm_record **list_of(uintptr_t block)
{
	return &table.records[mix(block) & (table.nr_heads - 1)];
}

/* Twice the lists, so that they stay short; if there is no memory, they become longer. */
static void grow_records(void)
{
	struct hm_record **old = table.records, *r, *next;
	size_t nr_old = table.nr_heads, size = nr_old * sizeof(struct hm_record *);
	struct hm_record **lists = map(2 * size);

	if (lists == NULL)
		return;
	table.records = lists;
	table.nr_heads = 2 * nr_old;
	for (size_t i = 0; i < nr_old; i++) {
		for (r = old[i]; r != NULL; r = next) {
			struct hm_record **list = list_of(r->block);

			next = r->next;
			r->next = *list;
			*list = r;
		}
	}
	if (hm_os_unmap(old, size))
		hm_store_relaxed(&table.memory, hm_load_relaxed(&table.memory) - size);
}

static void discard(struct hm_record *r)
{
	r->next = table.unused;
	table.unused = r;
}

static void forget_records(void)
{
	struct hm_record *r, *next;

	for (size_t i = 0; i < table.nr_heads; i++) {
		for (r = table.records[i]; r != NULL; r = next) {
			next = r->next;
			discard(r);
		}
		table.records[i] = NULL;
	}
	hm_store_relaxed(&table.nr_records, 0);
}

bool hm_table_reset(void)
{
	if (table.sites == NULL)
		table.sites = map(SITE_HEADS * sizeof(struct hm_site *));
	if (table.records == NULL) {
		table.records = map(RECORD_HEADS_FIRST * sizeof(struct hm_record *));
		table.nr_heads = table.records == NULL ? 0 : RECORD_HEADS_FIRST;
	}
	if (table.sites == NULL || table.records == NULL)
		return false;
	forget_records();
	for (struct hm_site *s = hm_load_relaxed(&table.youngest); s != NULL; s = s->older)
		s->n = (struct hm_profile_counts){ 0 };
	table.profile++;
	return true;
}

/* Eight steps to a doubling. */
static uint32_t step_of(size_t size)
{
	unsigned log;

	if (size < 16)
		return (uint32_t)size;
	log = hm_log2(size);
	return log * 8 + (uint32_t)(size >> (log - 3) & 7);
}

static struct hm_site *make_site(uint64_t hash, uint32_t step, const uintptr_t *pcs, unsigned depth)
{
	struct hm_site *s = take(sizeof(*s) + depth * sizeof(pcs[0]));
	struct hm_site **list = &table.sites[hash & (SITE_HEADS - 1)];

	if (s == NULL)
		return NULL;
	s->n = (struct hm_profile_counts){ 0 };
	s->hash = hash;
	s->step = step;
	s->depth = depth;
	memcpy(s->pcs, pcs, depth * sizeof(pcs[0]));
	s->next = *list;
	*list = s;
	s->older = hm_load_relaxed(&table.youngest);
	hm_store_release(&table.youngest, s);
	return s;
}

/* Not by memcmp, whose name each process would look up at its start. */
static bool is_same(const uintptr_t *a, const uintptr_t *b, unsigned n)
{
	while (n > 0 && a[n - 1] == b[n - 1])
		n--;
	return n == 0;
}

static struct hm_site *find_site(size_t size, const uintptr_t *pcs, unsigned depth)
{
	uint32_t step = step_of(size);
	uint64_t hash = mix((uint64_t)step << 32 | depth);
	struct hm_site *s;

	for (unsigned i = 0; i < depth; i++)
		hash = mix(hash + pcs[i]);
	for (s = table.sites[hash & (SITE_HEADS - 1)]; s != NULL; s = s->next) {
		if (s->hash == hash && s->step == step && s->depth == depth &&
		    is_same(s->pcs, pcs, depth))
			return s;
	}
	return make_site(hash, step, pcs, depth);
}

static void insert(struct hm_record *r)
{
	struct hm_record **list;
	size_t n = hm_load_relaxed(&table.nr_records) + 1;

	hm_store_relaxed(&table.nr_records, n);
	if (n > table.nr_heads)
		grow_records();
	list = list_of(r->block);
	r->next = *list;
	*list = r;
}

bool hm_table_add(const void *block, size_t size, const uintptr_t *pcs, unsigned depth)
{
	struct hm_site *s = find_site(size, pcs, depth);
	struct hm_record *r = table.unused;

	if (s == NULL)
		return false;
	if (r != NULL)
		table.unused = r->next;
	else
		r = take(sizeof(*r));
	if (r == NULL)
		return false;
	r->site = s;
	r->block = (uintptr_t)block;
	r->size = size;
	r->profile = table.profile;
	insert(r);
	s->n.live++;
	s->n.all++;
	s->n.live_bytes += size;
	s->n.all_bytes += size;
	return true;
}

struct hm_record *hm_table_detach(const void *block)
{
	struct hm_record **at, *r;

	if (table.nr_heads == 0)
		return NULL;
	for (at = list_of((uintptr_t)block); (r = *at) != NULL; at = &r->next) {
		if (r->block == (uintptr_t)block) {
			*at = r->next;
			hm_store_relaxed(&table.nr_records, hm_table_records() - 1);
			return r;
		}
	}
	return NULL;
}

void hm_table_attach(struct hm_record *r, const void *block)
{
	if (r->profile != table.profile) {
		discard(r);
		return;
	}
	r->block = (uintptr_t)block;
	insert(r);
}

void hm_table_drop(struct hm_record *r)
{
	if (r->profile == table.profile) {
		r->site->n.live--;
		r->site->n.live_bytes -= r->size;
	}
	discard(r);
}
