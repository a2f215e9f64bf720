/*
 * prof.h - a heap profile in memory: what was read, names for its addresses, what is made of it.
 *
 * owns: nothing.
 * called from: tools/prof*.c.
 */
#ifndef HM_TOOLS_PROF_H
#define HM_TOOLS_PROF_H

#include "tools/tool.h"

#define EXIT_PROF 1

/* In estimated figures: what the samples stand for. */
enum prof_value { PROF_ALL_BLOCKS, PROF_ALL_BYTES, PROF_LIVE_BLOCKS, PROF_LIVE_BYTES, PROF_VALUES };

struct prof_sample {
	double value[PROF_VALUES];
	uint64_t block_size;
	unsigned first, depth; /* of the addresses, the innermost first; later of frames */
};

struct prof_mapping {
	uint64_t start, end, offset;
	const char *file; /* "" when it has none */
	char build_id[48]; /* in hexadecimal; "" when it is not known */
	bool executable, named;
};

/* An address of code: of a call, not of what follows it. */
struct prof_frame {
	uint64_t address;
	const char *function; /* never NULL; the same name is the same pointer */
	const char *file;     /* of the source; "" when not known */
	unsigned line;
	int mapping; /* -1: none */
	bool allocator; /* malloc and its like, and the inside of this library */
};

struct prof {
	uint64_t rate, nr_live, nr_all; /* samples, as drawn */
	struct prof_sample *samples;
	size_t nr_samples;
	uint64_t *addresses; /* of all samples; prof_name makes them numbers of frames */
	size_t nr_addresses;
	struct prof_mapping *mappings;
	size_t nr_mappings;
	struct prof_frame *frames; /* by address */
	size_t nr_frames;
	char *maps; /* the text of the mappings */
	size_t maps_size;
};

/* What all of the output is about. */
struct prof_view {
	enum prof_value value;
	unsigned rows; /* of the table; 0: all */
};

/* Memory, or the end with one line. */
void *prof_grow(void *p, size_t count, size_t size);
/* The one copy of the string. */
const char *prof_intern(const char *s);
bool prof_is_bytes(const struct prof_view *v);
/* "live bytes" and so on. */
const char *prof_title(const struct prof_view *v);

/* prof_read.c: what is no profile ends the program with one line. */
void prof_read(FILE *in, const char *name, struct prof *p);

/* prof_symbols.c: a name for each address; then samples have frames, without the allocator's. */
void prof_name(struct prof *p);

/* prof_dwfl.c or prof_bare.c: how to find names. */
bool prof_lookup_begin(const struct prof *p);
/* What is known of the frame's address; what is not stays as it is. */
void prof_lookup(const struct prof *p, struct prof_frame *f);
void prof_lookup_build_id(struct prof_mapping *m);
void prof_lookup_end(void);

/* The outputs. What cannot be written is seen by the caller, in ferror. */
void prof_write_pprof(const struct prof *p, const struct prof_view *v, FILE *out, bool gzip);
void prof_write_folded(const struct prof *p, const struct prof_view *v, FILE *out);
void prof_write_svg(const struct prof *p, const struct prof_view *v, FILE *out);
void prof_write_table(const struct prof *p, const struct prof_view *v, FILE *out);

/* prof_zlib.c or prof_plain.c. False: it was built without zlib. */
bool prof_gzip(const void *data, size_t size, FILE *out);
bool prof_has_gzip(void);

#endif
