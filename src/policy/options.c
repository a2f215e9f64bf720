/*
 * options.c - the option table and the values in force.
 *
 * owns: hm_options, the origins, the texts that options were set to.
 * called from: policy/options.h's users.
 */
#include "base/base.h"
#include "policy/options.h"

#include "base/str.h"
#include "policy/option_value.h"

#include <string.h>

#define PREFIX "HAKMEM_"
/* Room for the TEXT values of all options, and the names of files. */
#define TEXTS 4096

struct hm_options hm_options = {
#define HM_OPTION(name, NAME, type, dflt, min, max, when, text) .name = (dflt),
#include "policy/options.def"
#undef HM_OPTION
};

static const struct hm_option_info table[] = {
#define HM_OPTION(name, NAME, type, dflt, min, max, when, text)                                    \
	{ #name, PREFIX #NAME, (text), #type, (dflt), (min), (max), HM_OPTION_##when },
#include "policy/options.def"
#undef HM_OPTION
};

/* Where the row's value is kept. */
static _Atomic uint64_t *const values[] = {
#define HM_OPTION(name, NAME, type, dflt, min, max, when, text) &hm_options.name,
#include "policy/options.def"
#undef HM_OPTION
};

#define ROWS (sizeof(table) / sizeof(table[0]))

static const struct {
	const char *preset, *name, *value;
} presets[] = {
#define HM_PRESET(preset, name, value) { #preset, #name, value },
#include "policy/presets.def"
#undef HM_PRESET
};

/* Read before all others: it decides whether they report. */
_Static_assert(offsetof(struct hm_options, verbose) == 0, "verbose is the first row");

/* Written at start only, but for the source. */
static struct {
	_Atomic uint8_t source; /* enum hm_option_source */
	bool fixed;
	unsigned line;
	const char *file;
} origins[ROWS];

const struct hm_option_info *hm_options_info(unsigned i)
{
	return i < ROWS ? &table[i] : NULL;
}

int hm_options_find(const char *name)
{
	for (unsigned i = 0; i < ROWS; i++) {
		if (hm_str_equal(table[i].name, name))
			return (int)i;
	}
	return -1;
}

uint64_t hm_options_value(unsigned i)
{
	return hm_load_relaxed(values[i]);
}

struct hm_option_origin hm_options_origin(unsigned i)
{
	return (struct hm_option_origin){
		.source = (enum hm_option_source)hm_load_relaxed(&origins[i].source),
		.fixed = origins[i].fixed,
		.line = origins[i].line,
		.file = origins[i].file,
	};
}

bool hm_options_parse(const char *name, const char *value, uint64_t *out)
{
	int i = hm_options_find(name);

	return i >= 0 && hm_option_value_parse(&table[i], value, out);
}

const char *hm_options_keep(const char *s)
{
	static char texts[TEXTS];
	static size_t used;
	size_t size = hm_str_length(s) + 1;
	char *copy = texts + used;

	if (size > sizeof(texts) - used)
		return NULL;
	memcpy(copy, s, size);
	used += size;
	return copy;
}

/* The program may change its environment: what is kept of it is a copy. */
static bool keep_value(const struct hm_option_info *row, uint64_t *value)
{
	const char *copy;

	if (row->type[0] != 'T')
		return true;
	copy = hm_options_keep(hm_option_text(*value));
	*value = (uint64_t)(uintptr_t)copy;
	return copy != NULL;
}

static bool is_overruled(unsigned i, enum hm_option_source source)
{
	unsigned now = hm_load_relaxed(&origins[i].source);

	return now > source || (origins[i].fixed && now / 2 < source / 2u);
}

enum hm_option_result hm_options_set(unsigned i, const char *value,
				     const struct hm_option_origin *from)
{
	uint64_t v;

	if (!hm_option_value_parse(&table[i], value, &v))
		return HM_OPTION_BAD;
	if (is_overruled(i, from->source))
		return HM_OPTION_OVERRULED;
	if (!keep_value(&table[i], &v))
		return HM_OPTION_BAD;
	hm_store_relaxed(values[i], v);
	hm_store_relaxed(&origins[i].source, (uint8_t)from->source);
	origins[i].fixed = from->fixed;
	origins[i].line = from->line;
	origins[i].file = from->file;
	return HM_OPTION_SET;
}

void hm_options_reset(unsigned i)
{
	hm_store_relaxed(values[i], table[i].dflt);
	hm_store_relaxed(&origins[i].source, HM_FROM_DEFAULT);
}

enum hm_option_result hm_options_change(unsigned i, const char *value)
{
	uint64_t v;

	if (!hm_option_value_parse(&table[i], value, &v))
		return HM_OPTION_BAD;
	if (table[i].when != HM_OPTION_RUNTIME || table[i].type[0] == 'T' ||
	    is_overruled(i, HM_FROM_PROGRAM))
		return HM_OPTION_CLOSED;
	hm_store_relaxed(values[i], v);
	hm_store_relaxed(&origins[i].source, HM_FROM_PROGRAM);
	return HM_OPTION_SET;
}

/* The row's value as a word that lasts: the place of the WORD's name in the type. */
static bool is_preset(const char *word)
{
	uint64_t v;

	return hm_options_parse("preset", word, &v) && v == hm_options.preset;
}

HM_START_CODE void hm_options_apply_preset(void)
{
	static const struct hm_option_origin from = { .source = HM_FROM_PRESET };

	if (hm_options.preset == HM_PRESET_NONE)
		return;
	for (size_t k = 0; k < sizeof(presets) / sizeof(presets[0]); k++) {
		int i = hm_options_find(presets[k].name);

		if (i >= 0 && is_preset(presets[k].preset))
			hm_options_set((unsigned)i, presets[k].value, &from);
	}
}

static void list_origin(unsigned i, struct hm_text *t)
{
	static const char *const words[] = {
		[HM_FROM_DEFAULT] = "the default",
		[HM_FROM_PRESET] = "the preset",
		[HM_FROM_ENVIRONMENT] = "the environment",
		[HM_FROM_PROGRAM] = "hak_option_set",
	};
	struct hm_option_origin from = hm_options_origin(i);

	if (from.source < HM_FROM_FILE || from.source > HM_FROM_USER_SECTION) {
		hm_text_str(t, words[from.source]);
		return;
	}
	hm_text_str(t, from.file != NULL ? from.file : "a configuration file");
	hm_text_char(t, ':');
	hm_text_dec(t, from.line);
	if (from.fixed)
		hm_text_str(t, ", not overridable");
}

void hm_options_list_row(unsigned i, struct hm_text *t)
{
	const struct hm_option_info *row = &table[i];
	uint64_t value = hm_options_value(i);

	hm_text_str(t, "# ");
	hm_text_str(t, row->text);
	hm_text_str(t, "\n# ");
	hm_option_value_expected(row, t);
	if (row->when == HM_OPTION_RUNTIME)
		hm_text_str(t, "; may change at run time");
	hm_text_str(t, "; from ");
	list_origin(i, t);
	hm_text_char(t, '\n');
	/* A text that was not set has no value to write. */
	if (row->type[0] == 'T' && hm_option_text(value) == NULL)
		hm_text_str(t, "# ");
	hm_text_str(t, row->name);
	hm_text_str(t, " = ");
	hm_option_value_format(row, value, t);
	hm_text_char(t, '\n');
}
