/*
 * prof_pprof.c - a profile in pprof's format: protocol buffers, message perftools.profiles.Profile.
 *
 * owns: nothing.
 * called from: tools/prof.c.
 * The numbers of the fields are those of the published profile.proto.
 */
#include "tools/tool.h"
#include "tools/prof.h"

#include <stdlib.h>
#include <string.h>

struct buffer {
	unsigned char *data;
	size_t n, cap;
};

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

enum profile_field {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_DEFAULT_TYPE = 14,
};
enum value_type_field { VALUE_TYPE = 1, VALUE_UNIT = 2 };
enum sample_field { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum label_field { LABEL_KEY = 1, LABEL_NUM = 3, LABEL_NUM_UNIT = 4 };
enum mapping_field {
	MAPPING_ID = 1,
	MAPPING_START = 2,
	MAPPING_LIMIT = 3,
	MAPPING_OFFSET = 4,
	MAPPING_FILE = 5,
	MAPPING_BUILD_ID = 6,
	MAPPING_HAS_FUNCTIONS = 7,
};
enum location_field {
	LOCATION_ID = 1,
	LOCATION_MAPPING = 2,
	LOCATION_ADDRESS = 3,
	LOCATION_LINE = 4,
};
enum line_field { LINE_FUNCTION = 1, LINE_NUMBER = 2 };
enum function_field {
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
	FUNCTION_FILE = 4,
};

static void put_byte(struct buffer *b, unsigned char c)
{
	if (b->n == b->cap) {
		b->cap = 2 * b->cap + 256;
		b->data = prof_grow(b->data, b->cap, 1);
	}
	b->data[b->n++] = c;
}

static void put_varint(struct buffer *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		put_byte(b, (unsigned char)(v | 0x80));
	put_byte(b, (unsigned char)v);
}

static void put_number(struct buffer *b, int field, uint64_t v)
{
	if (v == 0)
		return;
	put_varint(b, (uint64_t)field << 3 | WIRE_VARINT);
	put_varint(b, v);
}

static void put_bytes(struct buffer *b, int field, const void *data, size_t n)
{
	put_varint(b, (uint64_t)field << 3 | WIRE_BYTES);
	put_varint(b, n);
	for (size_t i = 0; i < n; i++)
		put_byte(b, ((const unsigned char *)data)[i]);
}

/* The message in `inner`, which is empty afterwards. */
static void put_message(struct buffer *b, int field, struct buffer *inner)
{
	put_bytes(b, field, inner->data, inner->n);
	inner->n = 0;
}

/* The table of strings; interned ones are told by their address. */
struct table {
	const char **keys;
	uint64_t *ids;
	size_t cap, n;
	struct buffer text;
};

static size_t slot_of(const struct table *t, const char *key)
{
	size_t i = (size_t)(((uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u >> 20) & (t->cap - 1);

	while (t->keys[i] != NULL && t->keys[i] != key)
		i = (i + 1) & (t->cap - 1);
	return i;
}

static void more_slots(struct table *t)
{
	struct table old = *t;

	t->cap = old.cap == 0 ? 1024 : 2 * old.cap;
	t->keys = prof_grow(NULL, t->cap, sizeof(char *));
	memset(t->keys, 0, t->cap * sizeof(char *));
	t->ids = prof_grow(NULL, t->cap, sizeof(uint64_t));
	for (size_t i = 0; i < old.cap; i++) {
		size_t k = old.keys[i] == NULL ? 0 : slot_of(t, old.keys[i]);

		if (old.keys[i] != NULL) {
			t->keys[k] = old.keys[i];
			t->ids[k] = old.ids[i];
		}
	}
	free(old.keys);
	free(old.ids);
}

/* The key's number, from `first` on; *new: it had none. */
static uint64_t number_of(struct table *t, const char *key, uint64_t first, bool *new)
{
	size_t i;

	if (t->n * 4 >= t->cap * 3)
		more_slots(t);
	i = slot_of(t, key);
	*new = t->keys[i] == NULL;
	if (*new) {
		t->keys[i] = key;
		t->ids[i] = first + t->n++;
	}
	return t->ids[i];
}

/* Number 0 is the empty string. */
static uint64_t string(struct table *t, const char *s)
{
	bool new;
	uint64_t id;

	if (s[0] == '\0')
		return 0;
	s = prof_intern(s);
	id = number_of(t, s, 1, &new);
	if (new)
		put_bytes(&t->text, PROFILE_STRING, s, strlen(s));
	return id;
}

static void put_types(struct buffer *b, struct table *strings, const struct prof *p,
		      const struct prof_view *v)
{
	static const char *const types[PROF_VALUES][2] = {
		[PROF_ALL_BLOCKS] = { "alloc_objects", "count" },
		[PROF_ALL_BYTES] = { "alloc_space", "bytes" },
		[PROF_LIVE_BLOCKS] = { "inuse_objects", "count" },
		[PROF_LIVE_BYTES] = { "inuse_space", "bytes" },
	};
	struct buffer inner = { 0 };

	for (unsigned i = 0; i < PROF_VALUES; i++) {
		put_number(&inner, VALUE_TYPE, string(strings, types[i][0]));
		put_number(&inner, VALUE_UNIT, string(strings, types[i][1]));
		put_message(b, PROFILE_SAMPLE_TYPE, &inner);
	}
	put_number(&inner, VALUE_TYPE, string(strings, "space"));
	put_number(&inner, VALUE_UNIT, string(strings, "bytes"));
	put_message(b, PROFILE_PERIOD_TYPE, &inner);
	put_number(b, PROFILE_PERIOD, p->rate);
	put_number(b, PROFILE_DEFAULT_TYPE, string(strings, types[v->value][0]));
	free(inner.data);
}

static void put_samples(struct buffer *b, struct table *strings, const struct prof *p)
{
	struct buffer inner = { 0 }, packed = { 0 };

	for (size_t i = 0; i < p->nr_samples; i++) {
		const struct prof_sample *s = &p->samples[i];

		for (unsigned k = 0; k < s->depth; k++)
			put_varint(&packed, p->addresses[s->first + k] + 1);
		put_message(&inner, SAMPLE_LOCATION, &packed);
		for (unsigned k = 0; k < PROF_VALUES; k++)
			put_varint(&packed, (uint64_t)(s->value[k] + 0.5));
		put_message(&inner, SAMPLE_VALUE, &packed);
		put_number(&packed, LABEL_KEY, string(strings, "bytes"));
		put_number(&packed, LABEL_NUM, s->block_size);
		put_number(&packed, LABEL_NUM_UNIT, string(strings, "bytes"));
		put_message(&inner, SAMPLE_LABEL, &packed);
		put_message(b, PROFILE_SAMPLE, &inner);
	}
	free(inner.data);
	free(packed.data);
}

static void put_mappings(struct buffer *b, struct table *strings, const struct prof *p)
{
	struct buffer inner = { 0 };

	for (size_t i = 0; i < p->nr_mappings; i++) {
		const struct prof_mapping *m = &p->mappings[i];

		if (!m->executable)
			continue;
		put_number(&inner, MAPPING_ID, i + 1);
		put_number(&inner, MAPPING_START, m->start);
		put_number(&inner, MAPPING_LIMIT, m->end);
		put_number(&inner, MAPPING_OFFSET, m->offset);
		put_number(&inner, MAPPING_FILE, string(strings, m->file));
		put_number(&inner, MAPPING_BUILD_ID, string(strings, m->build_id));
		put_number(&inner, MAPPING_HAS_FUNCTIONS, m->named);
		put_message(b, PROFILE_MAPPING, &inner);
	}
	free(inner.data);
}

/* A location for each frame; a function when its name comes up first. */
static void put_locations(struct buffer *b, struct table *strings, const struct prof *p)
{
	struct buffer inner = { 0 }, line = { 0 };
	struct table functions = { 0 };

	for (size_t i = 0; i < p->nr_frames; i++) {
		const struct prof_frame *f = &p->frames[i];
		bool new, known = f->mapping >= 0 && p->mappings[f->mapping].executable;
		uint64_t id = number_of(&functions, f->function, 1, &new);

		if (new) {
			put_number(&inner, FUNCTION_ID, id);
			put_number(&inner, FUNCTION_NAME, string(strings, f->function));
			put_number(&inner, FUNCTION_SYSTEM_NAME, string(strings, f->function));
			put_number(&inner, FUNCTION_FILE, string(strings, f->file));
			put_message(b, PROFILE_FUNCTION, &inner);
		}
		put_number(&inner, LOCATION_ID, i + 1);
		put_number(&inner, LOCATION_MAPPING, known ? (uint64_t)f->mapping + 1 : 0);
		put_number(&inner, LOCATION_ADDRESS, f->address);
		put_number(&line, LINE_FUNCTION, id);
		put_number(&line, LINE_NUMBER, f->line);
		put_message(&inner, LOCATION_LINE, &line);
		put_message(b, PROFILE_LOCATION, &inner);
	}
	free(inner.data);
	free(line.data);
	free(functions.keys);
	free(functions.ids);
	free(functions.text.data);
}

void prof_write_pprof(const struct prof *p, const struct prof_view *v, FILE *out, bool gzip)
{
	struct buffer b = { 0 };
	struct table strings = { 0 };

	put_bytes(&strings.text, PROFILE_STRING, "", 0);
	put_types(&b, &strings, p, v);
	put_samples(&b, &strings, p);
	put_mappings(&b, &strings, p);
	put_locations(&b, &strings, p);
	for (size_t i = 0; i < strings.text.n; i++)
		put_byte(&b, strings.text.data[i]);
	if (gzip)
		prof_gzip(b.data, b.n, out);
	else
		fwrite(b.data, 1, b.n, out);
	free(b.data);
	free(strings.text.data);
	free(strings.keys);
	free(strings.ids);
}
