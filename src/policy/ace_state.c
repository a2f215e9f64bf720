/*
 * ace_state.c - the state that heaps begin with: learning, text, and back.
 *
 * owns: the state.
 * called from: policy/ace_state.h's users, on slow paths.
 */
#include "base/base.h"

#include "policy/ace_state.h"

#include "base/str.h"
#include "os/print.h"
#include "policy/ace.h"
#include "policy/options.h"

/* So many heaps say the same before a value moves. */
#define RISE 2
#define FALL 32

/* After so many that moved nothing one in so many is asked, until one does. */
#define SETTLED FALL
#define ASK_ONE_IN 4

struct hm_ace_value hm_ace_values[HM_CLASSES];

static struct {
	_Atomic uint8_t patience, most_patience;
	_Atomic int8_t patience_votes;
	/* Of what is over, as of the last change; and how many there were. */
	_Atomic size_t bytes;
	_Atomic uint64_t raised[HM_CLASS_WORDS];
	_Atomic uint32_t version;
	_Atomic uint32_t since; /* heaps that ended since the last change */
} state;

/* Blocks with a span each do not count: they are kept of one class at a time (release.c). */
static size_t bytes_of(unsigned cls, int over)
{
	if (over <= 0 || hm_classes[cls].capacity == 1)
		return 0;
	return (size_t)over * hm_classes[cls].stride;
}

void hm_ace_state_get(struct hm_ace_state *out)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		out->over[cls] = hm_load_relaxed(&hm_ace_values[cls].most);
	out->patience = hm_load_relaxed(&state.most_patience);
}

unsigned hm_ace_state_patience(void)
{
	return hm_load_relaxed(&state.patience);
}

static size_t bound(unsigned heaps)
{
	return hm_options.ace == HM_ACE_FROZEN ? hm_ace_cache_max(heaps) :
						 hm_ace_start_max(heaps);
}

unsigned hm_ace_state_share(unsigned heaps)
{
	size_t bytes = hm_load_relaxed(&state.bytes), max = bound(heaps);

	return bytes <= max ? HM_ACE_WHOLE : (unsigned)(max * HM_ACE_WHOLE / bytes);
}

uint32_t hm_ace_state_version(void)
{
	return hm_load_relaxed(&state.version);
}

uint64_t hm_ace_state_raised(unsigned word)
{
	return hm_load_relaxed(&state.raised[word]);
}

/* After a change: sums that are made anew do not drift, whoever else is here. */
static void sum_up(void)
{
	uint64_t raised[HM_CLASS_WORDS] = { 0 };
	size_t bytes = 0;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		int over = hm_load_relaxed(&hm_ace_values[cls].over);

		bytes += bytes_of(cls, over);
		if (over > 0)
			raised[cls / 64] |= HM_CLASS_BIT(cls);
	}
	for (unsigned i = 0; i < HM_CLASS_WORDS; i++)
		hm_store_relaxed(&state.raised[i], raised[i]);
	hm_store_relaxed(&state.bytes, bytes);
	hm_add_relaxed(&state.version, 1);
}

void hm_ace_state_moved(void)
{
	hm_store_relaxed(&state.since, 0);
	sum_up();
}

bool hm_ace_state_asks(void)
{
	uint32_t since = hm_load_relaxed(&state.since);

	hm_store_relaxed(&state.since, since + 1);
	return since < SETTLED || since % ASK_ONE_IN == 0;
}

/* The sum is about right until hm_ace_state_moved. */
static void move(unsigned cls, int over)
{
	size_t less = bytes_of(cls, hm_load_relaxed(&hm_ace_values[cls].over));

	hm_store_relaxed(&hm_ace_values[cls].over, (int16_t)over);
	hm_store_relaxed(&state.bytes, hm_load_relaxed(&state.bytes) + bytes_of(cls, over) - less);
}

/*
 * One more heap says higher (1), lower (-1) or neither: which way the value goes now. Each that
 * says otherwise takes back all that was said before.
 */
static int vote(_Atomic int8_t *of, int says)
{
	int before = hm_load_relaxed(of), votes = 0, goes = 0;

	if (says > 0)
		votes = before > 0 ? before + 1 : 1;
	else if (says < 0)
		votes = before < 0 ? before - 1 : -1;
	if (votes >= RISE || votes <= -FALL) {
		votes = 0;
		goes = says;
	}
	if (votes != before)
		hm_store_relaxed(of, (int8_t)votes);
	return goes;
}

void hm_ace_state_learn_patience(unsigned ended, bool looked)
{
	unsigned at = hm_ace_state_patience();
	int goes;

	if (ended > hm_load_relaxed(&state.most_patience))
		hm_store_relaxed(&state.most_patience, (uint8_t)ended);
	if (!hm_options.learn)
		return;
	goes = vote(&state.patience_votes,
		    ended > at ? 1 : at == 0 || (looked && ended == at) ? 0 : -1);
	if (goes != 0)
		hm_store_relaxed(&state.patience, (uint8_t)((int)at + goes));
}

bool hm_ace_state_learn(unsigned cls, unsigned budget, bool used)
{
	struct hm_ace_value *v = &hm_ace_values[cls];
	int ended = (int)budget - hm_classes[cls].first, over, goes;

	if (ended > hm_load_relaxed(&v->most))
		hm_store_relaxed(&v->most, (int16_t)ended);
	if (!hm_options.learn)
		return false;
	over = hm_load_relaxed(&v->over);
	if (ended > over && (hm_load_relaxed(&v->votes) <= 0 || ended < hm_load_relaxed(&v->least)))
		hm_store_relaxed(&v->least, (int16_t)ended);
	goes = vote(&v->votes, ended > over ? 1 : used || over <= 0 ? 0 : -1);
	if (goes != 0)
		move(cls, goes > 0 ? hm_load_relaxed(&v->least) : over / 2);
	return goes != 0;
}

/* ---- The text ---- */

/* A number of up to nine digits. */
static bool take_number(const char **s, uint32_t *out)
{
	unsigned digits = 0;

	for (*out = 0; **s >= '0' && **s <= '9'; ++*s, digits++) {
		if (digits == 9)
			return false;
		*out = *out * 10 + (uint32_t)(**s - '0');
	}
	return digits > 0;
}

static unsigned class_of_size(uint32_t size)
{
	unsigned cls = 0;

	while (cls < HM_CLASSES && hm_class_usable(cls) != size)
		cls++;
	return cls;
}

/* What is named: a class, or HM_CLASSES for the patience; more than that: nothing. */
static unsigned take_name(const char **s)
{
	static const char patience[] = "patience";
	uint32_t size;
	unsigned cls;

	if (hm_str_starts(*s, patience)) {
		*s += sizeof(patience) - 1;
		return HM_CLASSES;
	}
	if (!take_number(s, &size))
		return HM_CLASSES + 1;
	cls = class_of_size(size);
	return cls < HM_CLASSES ? cls : HM_CLASSES + 1;
}

static bool take_item(const char **s, struct hm_ace_state *to, bool named[HM_CLASSES + 1])
{
	unsigned cls = take_name(s);
	uint32_t value, blocks;

	if (cls > HM_CLASSES || named[cls] || *(*s)++ != ':' || !take_number(s, &value))
		return false;
	named[cls] = true;
	if (cls == HM_CLASSES) {
		to->patience = (uint8_t)value;
		return value <= HM_ACE_PATIENCE_MAX;
	}
	blocks = value / (uint32_t)hm_class_usable(cls);
	if (blocks > hm_classes[cls].budget)
		return false;
	to->over[cls] = (int16_t)((int)blocks - hm_classes[cls].first);
	return true;
}

static bool parse(const char *s, struct hm_ace_state *to)
{
	bool named[HM_CLASSES + 1] = { false };

	*to = (struct hm_ace_state){ .patience = 0 };
	for (;;) {
		while (*s == ' ')
			s++;
		if (*s == '\0')
			return true;
		if (!take_item(&s, to, named) || (*s != ' ' && *s != '\0'))
			return false;
	}
}

bool hm_ace_state_set(const char *text)
{
	struct hm_ace_state new;

	if (!parse(text, &new))
		return false;
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		hm_store_relaxed(&hm_ace_values[cls].over, new.over[cls]);
		hm_store_relaxed(&hm_ace_values[cls].most, new.over[cls]);
		hm_store_relaxed(&hm_ace_values[cls].votes, 0);
	}
	hm_store_relaxed(&state.patience_votes, 0);
	hm_store_relaxed(&state.patience, new.patience);
	hm_store_relaxed(&state.most_patience, new.patience);
	hm_ace_state_moved();
	return true;
}

size_t hm_ace_state_text(const struct hm_ace_state *s, char *buf, size_t size)
{
	struct hm_text t;

	hm_text_init(&t, buf, size);
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		size_t blocks = (size_t)(hm_classes[cls].first + s->over[cls]);

		if (s->over[cls] == 0)
			continue;
		if (t.len > 0)
			hm_text_char(&t, ' ');
		hm_text_dec(&t, hm_class_usable(cls));
		hm_text_char(&t, ':');
		hm_text_dec(&t, blocks * hm_class_usable(cls));
	}
	if (s->patience > 0) {
		hm_text_str(&t, t.len > 0 ? " patience:" : "patience:");
		hm_text_dec(&t, s->patience);
	}
	return t.len;
}
