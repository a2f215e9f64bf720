/*
 * json.c - statistics as one JSON object on one line, for programs.
 *
 * owns: nothing.
 * called from: report/stats.h's users.
 * man/stats.schema.json (installed as share/hakmem/stats.schema.json) describes each key; none
 * goes or changes its meaning without a new number of the schema.
 */
#include "base/base.h"
#include "report/stats.h"

#include "heap/background.h"
#include "os/output.h"
#include "os/thread.h"
#include "policy/ace_state.h"
#include "policy/sizeclass.h"

#define SCHEMA 1

/* Before a member or an element: a comma, unless it is the first. */
static void separate(struct hm_out *o, bool *first)
{
	if (!*first)
		hm_out_char(o, ',');
	*first = false;
}

/* An object that is being written. */
struct object {
	struct hm_out *o;
	bool first;
};

static void key(struct object *at, const char *name)
{
	separate(at->o, &at->first);
	hm_out_char(at->o, '"');
	hm_out_str(at->o, name);
	hm_out_str(at->o, "\":");
}

static struct object open_object(struct object *in, const char *name)
{
	key(in, name);
	hm_out_char(in->o, '{');
	return (struct object){ in->o, true };
}

static void close_object(const struct object *at)
{
	hm_out_char(at->o, '}');
}

static void number(struct object *at, const char *name, uint64_t n)
{
	key(at, name);
	hm_out_dec(at->o, n);
}

/* UINT64_MAX is what is not known. */
static void number_if_known(struct object *at, const char *name, uint64_t n)
{
	key(at, name);
	if (n == UINT64_MAX)
		hm_out_str(at->o, "null");
	else
		hm_out_dec(at->o, n);
}

static void boolean(struct object *at, const char *name, bool is)
{
	key(at, name);
	hm_out_str(at->o, is ? "true" : "false");
}

/* Words of ours: nothing in them needs a backslash. */
static void word(struct object *at, const char *name, const char *text)
{
	key(at, name);
	hm_out_char(at->o, '"');
	hm_out_str(at->o, text);
	hm_out_char(at->o, '"');
}

static void put_build(struct object *top)
{
	static const char *const guards[] = { "off", "cheap", "full" };
	struct object at = open_object(top, "build");

	word(&at, "variant", HM_VARIANT);
	boolean(&at, "headerless", HM_HEADERLESS);
	boolean(&at, "tls_hint", HM_TLS_HINT);
	word(&at, "guards", guards[HM_GUARDS]);
	close_object(&at);
}

static void put_blocks(struct object *top, const struct hm_stats *st)
{
	struct object at = open_object(top, "blocks");

	number(&at, "live", st->live_blocks + st->large.live);
	number(&at, "live_bytes", st->live_bytes + st->large.usable);
	number(&at, "small_live", st->live_blocks);
	number(&at, "small_live_bytes", st->live_bytes);
	number(&at, "free", st->free_blocks);
	number(&at, "free_bytes", st->free_bytes);
	number(&at, "cached", st->cached_blocks);
	number(&at, "cached_bytes", st->cached_bytes);
	number(&at, "fresh", st->fresh_blocks);
	number(&at, "fresh_bytes", st->fresh_bytes);
	number(&at, "hole_bytes", st->hole_bytes);
	close_object(&at);
}

static void put_superslabs(struct object *top, const struct hm_stats *st)
{
	static const char *const names[HM_FILLS] = {
		"0", "1_to_8", "9_to_16", "17_to_24", "25_to_31", "32",
	};
	struct object at = open_object(top, "superslabs"), fill;

	number(&at, "count", st->superslabs);
	number(&at, "bytes", st->superslab_bytes);
	number(&at, "huge", st->huge_superslabs);
	number(&at, "free_slabs", st->free_slabs);
	number(&at, "dirty_slabs", st->dirty_slabs);
	number(&at, "waiting_spans", st->waiting);
	fill = open_object(&at, "by_slabs_in_use");
	for (unsigned i = 0; i < HM_FILLS; i++)
		number(&fill, names[i], st->fills[i]);
	close_object(&fill);
	close_object(&at);
}

static void put_large(struct object *top, const struct hm_large_counts *l)
{
	struct object at = open_object(top, "large");

	number(&at, "live", l->live);
	number(&at, "live_bytes", l->usable);
	number(&at, "mapped_bytes", l->live_bytes);
	number(&at, "most", l->most);
	number(&at, "most_bytes", l->most_bytes);
	number(&at, "allocated", l->allocated);
	number(&at, "freed", l->freed);
	number(&at, "cached", l->cached);
	number(&at, "cached_bytes", l->cached_bytes);
	number(&at, "hits", l->hits);
	number(&at, "grown", l->grown);
	number(&at, "misses", l->misses);
	close_object(&at);
}

static void put_given_back(struct object *top, const struct hm_purge_counts *p)
{
	struct object at = open_object(top, "given_back"), by;

	number(&at, "calls", hm_load_relaxed(&hm_os_counts.purges));
	for (unsigned i = 0; i < HM_PURGES; i++) {
		by = open_object(&at, hm_stats_purge_name((enum hm_purge_reason)i));
		number(&by, "times", p->times[i]);
		number(&by, "bytes", p->bytes[i]);
		close_object(&by);
	}
	close_object(&at);
}

/* Of one heap, or of all. */
static void put_work(struct object *at, const struct hm_stats_work *w)
{
	number(at, "refills", w->refills);
	number(at, "spills", w->spills);
	number(at, "remote_frees", w->remote_frees);
	number(at, "remote_batches", w->remote_pushes);
	number(at, "adopted", w->adopted);
	number(at, "given_up", w->given_up);
	number(at, "looks", w->looks);
	number(at, "doubled", w->doubled);
	number(at, "sweeps", w->sweeps);
	number(at, "more_patient", w->more_patient);
	number(at, "less_patient", w->less_patient);
}

static const char *group_word(const struct hm_limit_counts *l)
{
	if (!l->read)
		return "unread";
	if (l->group.malformed > 0)
		return "malformed";
	if (!l->group.found)
		return "none";
	return l->group.files == 0 ? "hidden" : "read";
}

static void put_limits(struct object *top, const struct hm_stats *st)
{
	const struct hm_limit_counts *l = &st->limit;
	uint64_t group = l->group.high < l->group.max ? l->group.high : l->group.max;
	struct object at = open_object(top, "limits");

	number(&at, "held_bytes", st->resident);
	number(&at, "soft_bytes", l->soft);
	boolean(&at, "soft_crossed", l->over);
	number(&at, "soft_purges", l->crossed);
	number(&at, "hard_bytes", l->hard);
	word(&at, "group", group_word(l));
	number_if_known(&at, "group_bytes",
			!l->read || group == HM_CGROUP_UNLIMITED ? UINT64_MAX : group);
	close_object(&at);
}

static void put_failures(struct object *top, const struct hm_failure_counts *f)
{
	struct object at = open_object(top, "failures"), by;

	for (unsigned i = 0; i < HM_FAILURES; i++) {
		by = open_object(&at, hm_stats_failure_name((enum hm_failure)i));
		number(&by, "times", f->times[i]);
		number(&by, "last_size", f->last_size[i]);
		close_object(&by);
	}
	number(&at, "map_errno", (uint64_t)f->map_errno);
	close_object(&at);
}

static void put_system(struct object *top, const struct hm_stats *st, bool files)
{
	struct object at = open_object(top, "system");
	struct hm_os_memory memory = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };

	if (files)
		hm_os_get_memory(&memory);
	number(&at, "minor_faults", st->faults.minor);
	number(&at, "major_faults", st->faults.major);
	number(&at, "most_resident_bytes", st->faults.most_resident);
	number_if_known(&at, "resident_bytes", memory.resident);
	number_if_known(&at, "anonymous_bytes", memory.anonymous);
	number_if_known(&at, "huge_page_bytes", memory.huge);
	number_if_known(&at, "swapped_bytes", memory.swapped);
	number_if_known(&at, "mappings", files ? hm_os_count_mappings() : UINT64_MAX);
	number(&at, "maps", hm_load_relaxed(&hm_os_counts.maps));
	number(&at, "unmaps", hm_load_relaxed(&hm_os_counts.unmaps));
	number(&at, "remaps", hm_load_relaxed(&hm_os_counts.remaps));
	close_object(&at);
}

/* Names, digits and signs: nothing in them needs a backslash. */
static void put_ace(struct object *top)
{
	struct object at = open_object(top, "ace");
	char text[HM_ACE_TEXT];

	word(&at, "mode", hm_stats_ace_mode());
	hm_stats_ace(text, sizeof text);
	word(&at, "state", text);
	close_object(&at);
}

static void put_background(struct object *top)
{
	static const char *const names[] = { "off", "running", "failed" };
	struct object at = open_object(top, "background");
	int error = 0;
	enum hm_background_state state = hm_background_get_state(&error);

	word(&at, "state", names[state]);
	number(&at, "errno", state == HM_BACKGROUND_FAILED ? (uint64_t)error : 0);
	close_object(&at);
}

static void put_class(struct hm_out *o, unsigned cls, const struct hm_stats_class *c)
{
	struct object at = { o, true };

	hm_out_char(o, '{');
	number(&at, "class", cls);
	number(&at, "usable", hm_class_usable(cls));
	number(&at, "stride", hm_classes[cls].stride);
	number(&at, "live", c->live);
	number(&at, "live_bytes", c->live_bytes);
	number(&at, "free", c->free);
	number(&at, "cached", c->cached);
	number(&at, "fresh", c->fresh);
	number(&at, "spans", c->spans);
	number(&at, "slabs", c->spans * hm_classes[cls].slabs);
	number(&at, "waiting_spans", c->waiting);
	number(&at, "hole_bytes", c->hole_bytes);
	number(&at, "refills", c->refills);
	number(&at, "spills", c->spills);
	close_object(&at);
}

/* Those that were ever used. */
static void put_classes(struct object *top, const struct hm_stats *st)
{
	bool first = true;

	key(top, "classes");
	hm_out_char(top->o, '[');
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		const struct hm_stats_class *c = &st->classes[i];

		if (c->spans + c->refills + c->spills == 0)
			continue;
		separate(top->o, &first);
		put_class(top->o, i, c);
	}
	hm_out_char(top->o, ']');
}

struct array {
	struct hm_out *o;
	bool first;
};

static void put_heap(const struct hm_stats_heap *h, void *arg)
{
	struct array *in = arg;
	struct object at = { in->o, true };

	separate(in->o, &in->first);
	hm_out_char(in->o, '{');
	number(&at, "number", h->number);
	word(&at, "state", h->state);
	number(&at, "cached", h->blocks);
	number(&at, "cached_bytes", h->bytes);
	number(&at, "budget_bytes", h->budgets);
	number(&at, "budget_max_bytes", h->budget_max);
	number(&at, "patience", h->patience);
	number(&at, "hole_bytes_made", h->hole_bytes);
	put_work(&at, &h->work);
	close_object(&at);
}

static void put_heaps(struct object *top)
{
	struct array in = { top->o, true };

	key(top, "heaps");
	hm_out_char(top->o, '[');
	hm_stats_each_heap(put_heap, &in);
	hm_out_char(top->o, ']');
}

void hm_stats_put_json(struct hm_out *o, bool files)
{
	struct hm_stats st;
	struct object top = { o, true }, work;

	hm_stats_collect(&st);
	hm_out_char(o, '{');
	number(&top, "schema", SCHEMA);
	word(&top, "version", PACKAGE_VERSION);
	number(&top, "pid", (uint64_t)hm_os_process());
	put_build(&top);
	put_blocks(&top, &st);
	put_superslabs(&top, &st);
	put_large(&top, &st.large);
	put_given_back(&top, &st.purges);
	number(&top, "threads", st.threads);
	work = open_object(&top, "work");
	put_work(&work, &st.work);
	close_object(&work);
	put_limits(&top, &st);
	put_failures(&top, &st.failures);
	put_ace(&top);
	put_background(&top);
	put_system(&top, &st, files);
	put_classes(&top, &st);
	put_heaps(&top);
	hm_out_str(o, "}\n");
}

void hm_stats_json(int fd)
{
	struct hm_out o;

	hm_out_begin(&o, fd);
	hm_stats_put_json(&o, true);
	hm_out_end(&o);
}
