/*
 * override_glibc.c - glibc's questions about the heap: mallopt, mallinfo, mallinfo2,
 * malloc_stats, malloc_info, malloc_trim, with true answers.
 *
 * owns: these functions of the malloc behind ours, which answers in passthrough.
 * called from: programs; pulled into static ones by override_libc.c.
 * What glibc calls its arenas' memory is here the superslabs; what it maps
 * singly is here the large blocks; its fast blocks are those on threads' lists. Bytes in use
 * are usable ones: uordblks and hblkhd are the sum of malloc_usable_size over all blocks.
 */
#include "base/base.h"

#include "api/api.h"
#include "base/geometry.h"
#include "base/str.h"
#include "heap/heap.h"
#include "heap/passthrough.h"
#include "os/os.h"
#include "os/print.h"
#include "policy/sizeclass.h"
#include "report/stats.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

/* In a static link a reference to it brings this object in. */
const char hm_glibc_linked = 1;

/* Another libc's programs have no such questions. */
#if defined(__GLIBC__)

#define LINE_SIZE 160

/* Not in every version of malloc.h. */
#ifndef M_ARENA_TEST
#define M_ARENA_TEST (-7)
#endif
#ifndef M_ARENA_MAX
#define M_ARENA_MAX (-8)
#endif
#ifndef M_PERTURB
#define M_PERTURB (-6)
#endif

#if !__GLIBC_PREREQ(2, 33)
struct mallinfo2 {
	size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks,
		keepcost;
};
struct mallinfo2 mallinfo2(void);
#endif

static struct {
	int (*mallopt)(int param, int value);
	struct mallinfo2 (*mallinfo2)(void);
	struct mallinfo (*mallinfo)(void);
	int (*malloc_trim)(size_t pad);
	void (*malloc_stats)(void);
	int (*malloc_info)(int options, FILE *f);
} next;

/* A function pointer out of an object pointer, as POSIX says that dlsym is used. */
void hm_glibc_find_next(void *(*look_up)(const char *name))
{
	*(void **)&next.mallopt = look_up("mallopt");
	*(void **)&next.mallinfo2 = look_up("mallinfo2");
	*(void **)&next.mallinfo = look_up("mallinfo");
	*(void **)&next.malloc_trim = look_up("malloc_trim");
	*(void **)&next.malloc_stats = look_up("malloc_stats");
	*(void **)&next.malloc_info = look_up("malloc_info");
}

/* What an older glibc has not, says what is ours. */
#define IS_NEXTS(f) (hm_passthrough_is_on() && next.f != NULL)

/*
 * None of glibc's parameters has anything to turn here, so a value that glibc
 * would take is taken, and has no effect; its limits hold.
 */
HM_EXPORT int mallopt(int param, int value)
{
	if (IS_NEXTS(mallopt))
		return next.mallopt(param, value);
	switch (param) {
	case M_MXFAST:
		return value >= 0 && (size_t)value <= 80 * sizeof(size_t) / 4;
	case M_MMAP_THRESHOLD:
		return (size_t)value <= (size_t)4 * 1024 * 1024 * sizeof(long);
	case M_NLBLKS:
	case M_GRAIN:
	case M_KEEP:
	case M_ARENA_TEST:
	case M_ARENA_MAX:
	case M_TRIM_THRESHOLD:
	case M_TOP_PAD:
	case M_MMAP_MAX:
	case M_CHECK_ACTION:
	case M_PERTURB:
		return 1;
	default:
		return 0;
	}
}

static struct mallinfo2 collect(void)
{
	struct mallinfo2 info = { 0 };
	struct hm_stats st;

	hm_stats_collect(&st);
	info.arena = st.superslab_bytes;
	info.ordblks = st.free_blocks;
	info.smblks = st.cached_blocks;
	info.fsmblks = st.cached_bytes;
	info.hblks = st.large.live;
	info.hblkhd = st.large.usable;
	info.uordblks = st.live_bytes;
	info.fordblks = st.superslab_bytes - st.live_bytes;
	info.keepcost = st.dirty_slabs * HM_SLAB_SIZE + st.large.cached_bytes;
	return info;
}

HM_EXPORT struct mallinfo2 mallinfo2(void)
{
	return IS_NEXTS(mallinfo2) ? next.mallinfo2() : collect();
}

static int saturate(size_t n)
{
	return n > INT_MAX ? INT_MAX : (int)n;
}

HM_EXPORT struct mallinfo mallinfo(void)
{
	struct mallinfo info = { 0 };
	struct mallinfo2 wide;

	if (IS_NEXTS(mallinfo))
		return next.mallinfo();
	wide = collect();
	info.arena = saturate(wide.arena);
	info.ordblks = saturate(wide.ordblks);
	info.smblks = saturate(wide.smblks);
	info.fsmblks = saturate(wide.fsmblks);
	info.hblks = saturate(wide.hblks);
	info.hblkhd = saturate(wide.hblkhd);
	info.uordblks = saturate(wide.uordblks);
	info.fordblks = saturate(wide.fordblks);
	info.keepcost = saturate(wide.keepcost);
	return info;
}

HM_EXPORT int malloc_trim(size_t pad)
{
	return IS_NEXTS(malloc_trim) ? next.malloc_trim(pad) : hm_heap_purge() > 0;
}

static void stats_line(struct hm_text *t, const char *what, size_t n)
{
	hm_text_str(t, what);
	hm_text_dec_pad(t, n, 10);
	hm_text_char(t, '\n');
}

/* The lines that glibc writes for a process of one arena; then our own. */
HM_EXPORT void malloc_stats(void)
{
	struct hm_stats st;
	struct hm_text t;
	char text[512];

	if (IS_NEXTS(malloc_stats)) {
		next.malloc_stats();
		return;
	}
	hm_stats_collect(&st);
	hm_text_init(&t, text, sizeof text);
	hm_text_str(&t, "Arena 0:\n");
	stats_line(&t, "system bytes     = ", st.superslab_bytes);
	stats_line(&t, "in use bytes     = ", st.live_bytes);
	hm_text_str(&t, "Total (incl. mmap):\n");
	stats_line(&t, "system bytes     = ", st.superslab_bytes + st.large.live_bytes);
	stats_line(&t, "in use bytes     = ", st.live_bytes + st.large.usable);
	stats_line(&t, "max mmap regions = ", st.large.most);
	stats_line(&t, "max mmap bytes   = ", st.large.most_bytes);
	/* Through stdio, as glibc does: what the program wrote there before comes before. */
	fwrite(text, 1, t.len, stderr);
}

/* One element with up to four attributes; a NULL name ends them. */
struct attribute {
	const char *name;
	const char *text;
	size_t value; /* when there is no text */
};

static void put_element(FILE *f, const char *name, const struct attribute *a)
{
	char line[LINE_SIZE];
	struct hm_text t;

	hm_text_init(&t, line, sizeof line);
	hm_text_char(&t, '<');
	hm_text_str(&t, name);
	for (; a->name != NULL; a++) {
		hm_text_char(&t, ' ');
		hm_text_str(&t, a->name);
		hm_text_str(&t, "=\"");
		if (a->text != NULL)
			hm_text_str(&t, a->text);
		else
			hm_text_dec(&t, a->value);
		hm_text_char(&t, '"');
	}
	hm_text_str(&t, "/>\n");
	fwrite(line, 1, t.len, f);
}

static void put_text(FILE *f, const char *text)
{
	fwrite(text, 1, hm_str_length(text), f);
}

static void put_total(FILE *f, const char *type, size_t count, size_t size)
{
	const struct attribute a[] = {
		{ "type", type, 0 }, { "count", NULL, count }, { "size", NULL, size },
		{ NULL, NULL, 0 },
	};

	put_element(f, "total", a);
}

static void put_size(FILE *f, const char *element, const char *type, size_t size)
{
	const struct attribute a[] = {
		{ "type", type, 0 }, { "size", NULL, size }, { NULL, NULL, 0 },
	};

	put_element(f, element, a);
}

/* Free blocks by class, as glibc lists its free chunks by bin. */
static void put_sizes(FILE *f, const struct hm_stats *st)
{
	put_text(f, "<sizes>\n");
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		size_t n = st->classes[i].free, to = hm_class_usable(i);
		const struct attribute a[] = {
			{ "from", NULL, i == 0 ? 0 : hm_class_usable(i - 1) + 1 },
			{ "to", NULL, to }, { "total", NULL, n * to }, { "count", NULL, n },
			{ NULL, NULL, 0 },
		};

		if (n > 0)
			put_element(f, "size", a);
	}
	put_text(f, "</sizes>\n");
}

static void put_totals(FILE *f, const struct hm_stats *st, bool with_large)
{
	put_total(f, "fast", st->cached_blocks, st->cached_bytes);
	put_total(f, "rest", st->free_blocks - st->cached_blocks,
		  st->superslab_bytes - st->live_bytes - st->cached_bytes);
	if (with_large)
		put_total(f, "mmap", st->large.live, st->large.usable);
	/* Superslabs stay mapped, so that there are never more than now. */
	put_size(f, "system", "current", st->superslab_bytes);
	put_size(f, "system", "max", st->superslab_bytes);
	put_size(f, "aspace", "total", st->superslab_bytes);
	put_size(f, "aspace", "mprotect", st->superslab_bytes);
}

HM_EXPORT int malloc_info(int options, FILE *f)
{
	struct hm_stats st;

	if (IS_NEXTS(malloc_info))
		return next.malloc_info(options, f);
	if (options != 0)
		return EINVAL;
	hm_stats_collect(&st);
	put_text(f, "<malloc version=\"hakmem-1\">\n<heap nr=\"0\">\n");
	put_sizes(f, &st);
	put_totals(f, &st, false);
	put_text(f, "</heap>\n");
	put_totals(f, &st, true);
	put_text(f, "</malloc>\n");
	return 0;
}

#else

void hm_glibc_find_next(void *(*look_up)(const char *name))
{
	(void)look_up;
}

#endif
