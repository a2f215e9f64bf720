/*
 * text.c - statistics as text, for people.
 *
 * owns: nothing.
 * called from: report/stats.h's users.
 * hakmem(7), HOW TO READ THE STATISTICS, explains each line.
 */
#include "base/base.h"
#include "report/stats.h"

#include "heap/background.h"
#include "os/output.h"
#include "policy/ace_state.h"
#include "policy/sizeclass.h"

static void print_line(struct hm_out *o, const char *what, uint64_t n, uint64_t bytes)
{
	hm_out_str(o, "  ");
	hm_out_str_pad(o, what, 14);
	hm_out_dec_pad(o, n, 12);
	hm_out_dec_pad(o, bytes, 18);
	hm_out_char(o, '\n');
}

static void print_count(struct hm_out *o, const char *what, uint64_t n)
{
	hm_out_str(o, "  ");
	hm_out_str_pad(o, what, 14);
	hm_out_dec_pad(o, n, 12);
	hm_out_char(o, '\n');
}

static void print_heap(struct hm_out *o, const struct hm_stats *st)
{
	hm_out_str(o, "hakmem: heap                number             bytes\n");
	print_line(o, "superslabs", st->superslabs, st->superslab_bytes);
	print_line(o, "huge", st->huge_superslabs, st->huge_superslabs * HM_SUPERSLAB_SIZE);
	print_line(o, "free slabs", st->free_slabs, st->free_slabs * HM_SLAB_SIZE);
	print_line(o, "dirty slabs", st->dirty_slabs, st->dirty_slabs * HM_SLAB_SIZE);
	print_line(o, "blocks", st->live_blocks, st->live_bytes);
	print_line(o, "free blocks", st->free_blocks, st->free_bytes);
	print_line(o, "cached", st->cached_blocks, st->cached_bytes);
	print_line(o, "fresh", st->fresh_blocks, st->fresh_bytes);
	print_line(o, "holes", st->hole_bytes / hm_os_page_size(), st->hole_bytes);
	print_line(o, "large blocks", st->large.live, st->large.usable);
	print_line(o, "large mapped", st->large.live, st->large.live_bytes);
	print_line(o, "large at most", st->large.most, st->large.most_bytes);
	print_line(o, "large cached", st->large.cached, st->large.cached_bytes);
}

/* What became of the control group's files. */
static const char *group_state(const struct hm_limit_counts *l)
{
	if (!l->read)
		return "group unread";
	if (l->group.malformed > 0)
		return "group malformed";
	if (!l->group.found)
		return "group none";
	return l->group.files == 0 ? "group hidden" : "group";
}

static void print_limits(struct hm_out *o, const struct hm_stats *st)
{
	const struct hm_limit_counts *l = &st->limit;
	uint64_t group = l->group.high < l->group.max ? l->group.high : l->group.max;

	hm_out_str(o, "hakmem: limits              number             bytes\n");
	print_line(o, "held", 0, st->resident);
	print_line(o, l->over ? "soft, crossed" : "soft", l->crossed, l->soft);
	print_line(o, "hard", st->failures.times[HM_FAILURE_EXHAUSTION], l->hard);
	/* Files that were read, and the least number in them; 0: none. */
	print_line(o, group_state(l), l->group.files, group == HM_CGROUP_UNLIMITED ? 0 : group);
}

static void print_failures(struct hm_out *o, const struct hm_failure_counts *f)
{
	hm_out_str(o, "hakmem: failures            number         last size\n");
	print_line(o, "threshold", f->times[HM_FAILURE_THRESHOLD],
		   f->last_size[HM_FAILURE_THRESHOLD]);
	print_line(o, "exhaustion", f->times[HM_FAILURE_EXHAUSTION],
		   f->last_size[HM_FAILURE_EXHAUSTION]);
	print_line(o, "map fail", f->times[HM_FAILURE_MAP], f->last_size[HM_FAILURE_MAP]);
	print_line(o, "map errno", (uint64_t)f->map_errno, 0);
}

static void print_purges(struct hm_out *o, const struct hm_purge_counts *p)
{
	hm_out_str(o, "hakmem: given back          number             bytes\n");
	for (unsigned i = 0; i < HM_PURGES; i++)
		print_line(o, hm_stats_purge_name((enum hm_purge_reason)i), p->times[i],
			   p->bytes[i]);
}

static void print_work(struct hm_out *o, const struct hm_stats *st)
{
	const struct hm_stats_work *w = &st->work;

	hm_out_str(o, "hakmem: work                number\n");
	print_count(o, "threads", st->threads);
	print_count(o, "refills", w->refills);
	print_count(o, "spills", w->spills);
	print_count(o, "remote frees", w->remote_frees);
	print_count(o, "remote batches", w->remote_pushes);
	print_count(o, "adopted", w->adopted);
	print_count(o, "given up", w->given_up);
	print_count(o, "waiting", st->waiting);
	print_count(o, "looks", w->looks);
	print_count(o, "doubled", w->doubled);
	print_count(o, "sweeps", w->sweeps);
	print_count(o, "more patient", w->more_patient);
	print_count(o, "less patient", w->less_patient);
	print_count(o, "large hits", st->large.hits);
	print_count(o, "large grown", st->large.grown);
	print_count(o, "large misses", st->large.misses);
	print_count(o, "minor faults", st->faults.minor);
	print_count(o, "major faults", st->faults.major);
}

static void print_fills(struct hm_out *o, const struct hm_stats *st)
{
	static const char *const names[HM_FILLS] = {
		"0", "1 to 8", "9 to 16", "17 to 24", "25 to 31", "32",
	};

	hm_out_str(o, "hakmem: slabs in use    superslabs\n");
	for (unsigned i = 0; i < HM_FILLS; i++)
		print_count(o, names[i], st->fills[i]);
}

static void print_classes(struct hm_out *o, const struct hm_stats *st)
{
	hm_out_str(o, "hakmem: class   size       blocks         free       cached    spans"
		      "        holes    refills     spills\n");
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		const struct hm_stats_class *c = &st->classes[i];

		if (c->live + c->free + c->hole_bytes == 0)
			continue;
		hm_out_dec_pad(o, i, 13);
		hm_out_dec_pad(o, hm_class_usable(i), 8);
		hm_out_dec_pad(o, c->live, 12);
		hm_out_char(o, ' ');
		hm_out_dec_pad(o, c->free, 12);
		hm_out_char(o, ' ');
		hm_out_dec_pad(o, c->cached, 12);
		hm_out_char(o, ' ');
		hm_out_dec_pad(o, c->spans, 8);
		hm_out_char(o, ' ');
		hm_out_dec_pad(o, c->hole_bytes, 12);
		hm_out_char(o, ' ');
		hm_out_dec_pad(o, c->refills, 10);
		hm_out_char(o, ' ');
		hm_out_dec_pad(o, c->spills, 10);
		hm_out_char(o, '\n');
	}
}

static void print_one_heap(const struct hm_stats_heap *h, void *arg)
{
	struct hm_out *o = arg;

	hm_out_dec_pad(o, h->number, 12);
	hm_out_str(o, "  ");
	hm_out_str_pad(o, h->state, 8);
	hm_out_dec_pad(o, h->blocks, 10);
	hm_out_dec_pad(o, h->bytes, 12);
	hm_out_dec_pad(o, h->budgets, 11);
	hm_out_dec_pad(o, h->work.looks, 8);
	hm_out_dec_pad(o, h->patience, 9);
	hm_out_dec_pad(o, h->work.refills, 12);
	hm_out_dec_pad(o, h->work.spills, 12);
	hm_out_dec_pad(o, h->work.remote_frees, 12);
	hm_out_char(o, '\n');
}

static void print_ace(struct hm_out *o)
{
	char text[HM_ACE_TEXT];

	hm_out_str(o, "hakmem: ace: ");
	hm_out_str(o, hm_stats_ace_mode());
	hm_out_str(o, "\nhakmem: ace_state: ");
	hm_stats_ace(text, sizeof text);
	hm_out_str(o, text);
	hm_out_char(o, '\n');
}

static void print_background(struct hm_out *o)
{
	int error;

	hm_out_str(o, "hakmem: background: ");
	switch (hm_background_get_state(&error)) {
	case HM_BACKGROUND_OFF:
		hm_out_str(o, "off\n");
		break;
	case HM_BACKGROUND_RUNNING:
		hm_out_str(o, "running\n");
		break;
	case HM_BACKGROUND_FAILED:
		hm_out_str(o, "failed (");
		hm_out_dec(o, (unsigned)error);
		hm_out_str(o, ")\n");
		break;
	}
}

void hm_stats_put_text(struct hm_out *o)
{
	struct hm_stats st;

	hm_stats_collect(&st);
	print_heap(o, &st);
	print_limits(o, &st);
	print_failures(o, &st.failures);
	print_purges(o, &st.purges);
	print_work(o, &st);
	print_fills(o, &st);
	print_classes(o, &st);
	hm_out_str(o, "hakmem: heap  state       blocks       bytes    budgets   looks patience"
		       "     refills      spills      remote\n");
	hm_stats_each_heap(print_one_heap, o);
	print_ace(o);
	print_background(o);
}

void hm_stats_print(int fd)
{
	struct hm_out o;

	hm_out_begin(&o, fd);
	hm_stats_put_text(&o);
	hm_out_end(&o);
}
