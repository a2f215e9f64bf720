/*
 * stats.c - collecting and printing the totals.
 *
 * owns: nothing.
 * called from: report/stats.h's users.
 * Blocks in use are counted from the slabs: what left a slab's free list, less
 * what is known to be waiting for a malloc: each heap's fresh memory, and the
 * calling thread's own lists and batches.
 */
#include "base/base.h"
#include "report/stats.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/str.h"
#include "heap/background.h"
#include "heap/checked.h"
#include "heap/heap.h"
#include "heap/room.h"
#include "os/os.h"
#include "os/print.h"
#include "policy/ace_state.h"
#include "policy/options.h"
#include "policy/sizeclass.h"
#include "pool/pool.h"
#include "slab/remote.h"
#include "slab/slab.h"
#include "space/superslab.h"

/* Plain words of other threads are read here, on purpose: a figure may be a moment old. */
#define RACY __attribute__((no_sanitize("thread")))

#define LINE_SIZE 128

static void add_blocks(struct hm_stats_class *c, size_t live, size_t capacity)
{
	if (live > capacity)
		live = capacity;
	c->live += live;
	c->free += capacity - live;
}

/* Blocks that left the span's free list and did not come back to the slab. */
RACY static size_t blocks_out(struct hm_slab *s)
{
	uint32_t word = hm_load_relaxed(&hm_remote_of(s)->word);
	size_t count = hm_remote_count(word), used = hm_slab_used(s);

	if (!(word & HM_REMOTE_OWNED))
		return count;
	return used > count ? used - count : 0;
}

RACY static void count_superslab(struct hm_superslab *ss, void *arg)
{
	struct hm_stats *st = arg;
	uint32_t free_mask = hm_load_relaxed(&ss->free_mask);
	uint32_t zero_mask = hm_load_relaxed(&ss->zero_mask);

	st->superslabs++;
	st->free_slabs += hm_popcount32(free_mask);
	st->dirty_slabs += hm_popcount32(free_mask & ~zero_mask);
	for (unsigned i = 0; i < HM_SLABS; i++) {
		struct hm_slab *s = hm_slab_of_superslab(ss, i);

		if ((free_mask >> i & 1) || s->lead != 0 || s->cls >= HM_CLASSES)
			continue;
		add_blocks(&st->classes[s->cls], blocks_out(s), s->capacity);
	}
}

/* n blocks that seemed to be in use are not. */
static void move_to_free(struct hm_stats *st, unsigned cls, size_t n)
{
	struct hm_stats_class *c = &st->classes[cls];

	if (n > c->live)
		n = c->live;
	c->live -= n;
	c->free += n;
}

RACY static void count_fresh(struct hm_heap *h, void *arg)
{
	for (unsigned i = 0; i < HM_CLASSES; i++)
		move_to_free(arg, i, h->bins[i].bump_left);
}

static size_t list_length(struct hm_base b, bool tiny)
{
	size_t n = 0;

	for (; b.p != NULL; b = hm_link_get(b, tiny))
		n++;
	return n;
}

static void count_lists(struct hm_stats *st, const struct hm_heap *h)
{
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		bool tiny = hm_class_is_tiny(i);

		move_to_free(st, i, list_length(h->sll[i].head, tiny));
		move_to_free(st, i, list_length(h->bins[i].back, tiny));
	}
	for (unsigned i = 0; i < HM_BATCHES; i++)
		if (h->batches[i].slab != NULL)
			move_to_free(st, h->batches[i].slab->cls, h->batches[i].count);
}

/* A checked thread's lists are those that all checked threads share. */
static void count_own_lists(struct hm_stats *st)
{
	uint32_t held[HM_CLASSES] = { 0 };

	if (!hm_heap_is_static(hm_tls_heap)) {
		count_lists(st, hm_tls_heap);
	} else if (hm_tls_heap == &hm_checked_heap) {
		count_lists(st, hm_checked_take(held));
		hm_checked_release();
		for (unsigned i = 0; i < HM_CLASSES; i++)
			move_to_free(st, i, held[i]);
	}
}

void hm_stats_collect(struct hm_stats *out)
{
	memset(out, 0, sizeof *out);
	hm_pool_each(count_superslab, out);
	hm_heaps_each(count_fresh, out);
	count_own_lists(out);
	hm_large_get_counts(&out->large);
	out->resident = hm_room_resident();
	hm_limit_get_counts(&out->limit);
	hm_failure_get_counts(&out->failures);

	out->superslab_bytes = out->superslabs * HM_SUPERSLAB_SIZE;
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		const struct hm_stats_class *c = &out->classes[i];

		out->live_blocks += c->live;
		out->live_bytes += c->live * hm_class_usable(i);
		out->free_blocks += c->free;
		out->free_bytes += c->free * hm_class_usable(i);
	}
}

static void print_line(int fd, const char *what, uint64_t n, uint64_t bytes)
{
	char line[LINE_SIZE];
	struct hm_text t;
	size_t len = 0;

	while (what[len] != '\0')
		len++;
	hm_text_init(&t, line, sizeof line);
	hm_text_str(&t, "  ");
	hm_text_str(&t, what);
	for (; len < 14; len++)
		hm_text_char(&t, ' ');
	hm_text_dec_pad(&t, n, 12);
	hm_text_dec_pad(&t, bytes, 18);
	hm_text_char(&t, '\n');
	hm_os_write(fd, line, t.len);
}

static void print_text(int fd, const char *text)
{
	hm_os_write(fd, text, hm_str_length(text));
}

static void print_classes(int fd, const struct hm_stats *st)
{
	char line[LINE_SIZE];
	struct hm_text t;

	print_text(fd, "hakmem: classes in use      size         blocks           free\n");
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		const struct hm_stats_class *c = &st->classes[i];

		if (c->live + c->free == 0)
			continue;
		hm_text_init(&t, line, sizeof line);
		hm_text_dec_pad(&t, i, 16);
		hm_text_dec_pad(&t, hm_class_usable(i), 16);
		hm_text_dec_pad(&t, c->live, 15);
		hm_text_dec_pad(&t, c->free, 15);
		hm_text_char(&t, '\n');
		hm_os_write(fd, line, t.len);
	}
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

static void print_limits(int fd, const struct hm_stats *st)
{
	const struct hm_limit_counts *l = &st->limit;
	uint64_t group = l->group.high < l->group.max ? l->group.high : l->group.max;

	print_text(fd, "hakmem: limits              number             bytes\n");
	print_line(fd, "held", 0, st->resident);
	print_line(fd, l->over ? "soft, crossed" : "soft", l->crossed, l->soft);
	print_line(fd, "hard", st->failures.times[HM_FAILURE_EXHAUSTION], l->hard);
	/* Files that were read, and the least number in them; 0: none. */
	print_line(fd, group_state(l), l->group.files, group == HM_CGROUP_UNLIMITED ? 0 : group);
}

static void print_failures(int fd, const struct hm_failure_counts *f)
{
	static const char *const names[HM_FAILURES] = {
		[HM_FAILURE_THRESHOLD] = "threshold",
		[HM_FAILURE_EXHAUSTION] = "exhaustion",
		[HM_FAILURE_MAP] = "map fail",
	};

	print_text(fd, "hakmem: failures            number         last size\n");
	for (unsigned i = 0; i < HM_FAILURES; i++)
		print_line(fd, names[i], f->times[i], f->last_size[i]);
	print_line(fd, "map errno", (uint64_t)f->map_errno, 0);
}

/* What a heap has learned by now, where that is more. */
RACY static void add_learned(struct hm_heap *h, void *arg)
{
	struct hm_ace_state *s = arg;

	if (!h->in_use)
		return;
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		int over = h->bins[i].budget - hm_classes[i].first;

		if (over > s->over[i])
			s->over[i] = (int16_t)over;
	}
	if (h->patience > s->patience)
		s->patience = (uint8_t)h->patience;
}

size_t hm_stats_ace(char *buf, size_t size)
{
	struct hm_ace_state s;

	hm_ace_state_get(&s);
	if (hm_options.ace == HM_ACE_ON)
		hm_heaps_each(add_learned, &s);
	return hm_ace_state_text(&s, buf, size);
}

static void print_ace(int fd)
{
	static const char *const modes[] = {
		[HM_ACE_OFF] = "off", [HM_ACE_FROZEN] = "frozen", [HM_ACE_ON] = "on",
	};
	char text[HM_ACE_TEXT];

	print_text(fd, "hakmem: ace: ");
	print_text(fd, modes[hm_options.ace]);
	print_text(fd, "\nhakmem: ace_state: ");
	hm_stats_ace(text, sizeof text);
	print_text(fd, text);
	print_text(fd, "\n");
}

static void print_background(int fd)
{
	char line[LINE_SIZE];
	struct hm_text t;
	int error;

	hm_text_init(&t, line, sizeof line);
	hm_text_str(&t, "hakmem: background: ");
	switch (hm_background_get_state(&error)) {
	case HM_BACKGROUND_OFF:
		hm_text_str(&t, "off\n");
		break;
	case HM_BACKGROUND_RUNNING:
		hm_text_str(&t, "running\n");
		break;
	case HM_BACKGROUND_FAILED:
		hm_text_str(&t, "failed (");
		hm_text_dec(&t, (unsigned)error);
		hm_text_str(&t, ")\n");
		break;
	}
	hm_os_write(fd, line, t.len);
}

void hm_stats_print(int fd)
{
	struct hm_stats st;

	hm_stats_collect(&st);
	print_text(fd, "hakmem: heap                number             bytes\n");
	print_line(fd, "superslabs", st.superslabs, st.superslab_bytes);
	print_line(fd, "free slabs", st.free_slabs, st.free_slabs * HM_SLAB_SIZE);
	print_line(fd, "dirty slabs", st.dirty_slabs, st.dirty_slabs * HM_SLAB_SIZE);
	print_line(fd, "blocks", st.live_blocks, st.live_bytes);
	print_line(fd, "free blocks", st.free_blocks, st.free_bytes);
	print_line(fd, "large blocks", st.large.live, st.large.live_bytes);
	print_line(fd, "large at most", st.large.most, st.large.most_bytes);
	print_line(fd, "large cached", st.large.cached, st.large.cached_bytes);
	print_limits(fd, &st);
	print_failures(fd, &st.failures);
	print_classes(fd, &st);
	print_ace(fd);
	print_background(fd);
}
