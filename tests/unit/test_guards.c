/*
 * test_guards.c - each wrong use, in a child: the process ends with one line that names the
 * pointer and its class (lessons.md, L11 and L18 to L21). What a build cannot notice, as the
 * functions may_notice_ below say, is not tried in it.
 */
#include "support.h"

#include "hakmem.h"

#include "heap/cache.h"

#include "death.h"

#define LARGE ((size_t)5 << 20)

/* ---- What a build notices ---- */

/* Freed, and freed again while nobody has it. Without guards only by a header byte. */
static bool may_notice_double(unsigned cls)
{
	return HM_GUARDS >= 1 || (!HM_HEADERLESS && hm_class_is_tiny(cls));
}

/* A pointer into a block. Without guards only by the header byte that is missing there. */
static bool may_notice_interior(unsigned cls)
{
	return HM_GUARDS >= 1 || (!HM_HEADERLESS && hm_class_is_tiny(cls));
}

static bool may_notice_header(unsigned cls)
{
	return !HM_HEADERLESS && hm_class_is_tiny(cls);
}

/* One byte past the end: the canary, or the next block's header byte. */
static bool may_notice_overrun(unsigned cls)
{
	return HM_GUARDS == 2 || may_notice_header(cls);
}

/* Full guards only; and not in the first word, where the link is, nor behind HM_POISON_MAX. */
static bool may_notice_write(unsigned cls)
{
	(void)cls;
	return HM_GUARDS == 2;
}

/* ---- The blocks that are used wrongly ---- */

struct victim {
	unsigned cls;
	char *p, *next; /* neighbours; next is NULL where a slab has one block */
	char *keep;     /* another one of the slab: it is not free */
};

static struct victim find_victim(unsigned cls)
{
	struct victim v = { .cls = cls };
	uint32_t stride = hm_classes[cls].stride;

	v.p = support_alloc(cls);
	if (hm_classes[cls].capacity < 3)
		return v;
	/* Fresh memory is handed out in order; other blocks may come first. */
	for (unsigned i = 0; i < 10000 && v.next == NULL; i++) {
		char *q = support_alloc(cls);

		if (q == v.p + stride && support_slab_of(q) == support_slab_of(v.p))
			v.next = q;
		else
			v.p = q;
	}
	must(v.next != NULL);
	v.keep = support_alloc(cls);
	memset(v.p, 0x31, hm_heap_usable(v.p));
	memset(v.next, 0x32, hm_heap_usable(v.next));
	return v;
}

/* ---- The wrong uses ---- */

static void *free_it(void *p)
{
	hak_free(p);
	return NULL;
}

static void double_free(struct victim *v)
{
	hak_free(v->p);
	hak_free(support_raw(v->p));
}

static void double_free_later(struct victim *v)
{
	void *others[10];

	for (unsigned i = 0; i < 10; i++)
		others[i] = support_alloc(v->cls);
	hak_free(v->p);
	for (unsigned i = 0; i < 10; i++)
		hak_free(others[i]);
	hak_free(support_raw(v->p));
}

static void double_free_by_another(struct victim *v)
{
	hak_free(v->p);
	support_in_thread(free_it, v->p);
}

static void double_free_of_anothers(struct victim *v)
{
	support_in_thread(free_it, v->p);
	hak_free(support_raw(v->p));
}

/* It has gone back to its slab, which lives by `keep`. */
static void double_free_after_spill(struct victim *v)
{
	hak_free(v->p);
	hm_release_caches(hm_tls_heap);
	hak_free(support_raw(v->p));
}

static void realloc_of_free(struct victim *v)
{
	void *q;

	hak_free(v->p);
	q = hak_realloc(support_raw(v->p), 8);
	(void)q;
}

static void free_interior(struct victim *v)
{
	v->p += 8;
	hak_free(v->p);
}

/* Aligned as a block is, in the middle of one. */
static void free_interior_aligned(struct victim *v)
{
	v->p += HM_ALIGN;
	hak_free(v->p);
}

/* A block more than there are: where the next one would begin, behind the slab's last. */
static char *behind_last(const struct victim *v)
{
	struct hm_slab *s = support_slab_of(v->p);

	return hm_slab_block(s, hm_classes[v->cls].capacity).p;
}

static void free_behind_last(struct victim *v)
{
	v->p = behind_last(v);
	hak_free(v->p);
}

static void realloc_interior(struct victim *v)
{
	void *q;

	v->p += 8;
	q = hak_realloc(v->p, 8);
	(void)q;
}

static void header_overwritten(struct victim *v)
{
	((char *)support_raw(v->p))[-1] = 0x31;
	hak_free(v->p);
}

/* Seen at its own free with a canary, else at the free of the neighbour. */
static void overrun(struct victim *v)
{
	((char *)support_raw(v->p))[hm_heap_usable(v->p)] = 0x31;
	if (HM_GUARDS != 2)
		v->p = v->next;
	hak_free(v->p);
}

static void overrun_then_realloc(struct victim *v)
{
	void *q;

	((char *)support_raw(v->p))[hm_heap_usable(v->p)] = 0x31;
	if (HM_GUARDS != 2)
		v->p = v->next;
	q = hak_realloc(v->p, 100000);
	(void)q;
}

static void write_after_free(struct victim *v)
{
	hak_free(v->p);
	((char *)support_raw(v->p))[8] = 0x31;
	v->p = support_alloc(v->cls);
}

static void link_written(struct victim *v)
{
	hak_free(v->p);
	((char *)support_raw(v->p))[0] = 0x31;
	v->p = support_alloc(v->cls);
}

static void overrun_after_free(struct victim *v)
{
	size_t n = hm_heap_usable(v->p);

	hak_free(v->p);
	((char *)support_raw(v->p))[n] = 0x31;
	v->p = support_alloc(v->cls);
}

static void wrong_size(struct victim *v)
{
	hak_free_sized(v->p, hm_heap_usable(v->p) + 1);
}

enum needs { NOTHING = 0, NEIGHBOUR = 1, ROOM = 2, SLAB_MATE = 4, TAIL = 8 };

static const struct wrong {
	const char *name;
	void (*commit)(struct victim *v);
	bool (*may_notice)(unsigned cls);
	const char *entry, *what;
	int needs;
} wrongs[] = {
	{ "double free", double_free, may_notice_double, "free", "double free", 0 },
	{ "double free later", double_free_later, may_notice_double, "free", "double free",
	  SLAB_MATE },
	{ "double free by another thread", double_free_by_another, may_notice_double, "free",
	  "double free", 0 },
	{ "double free of another's free", double_free_of_anothers, may_notice_double, "free",
	  "double free", SLAB_MATE },
	{ "double free after a spill", double_free_after_spill, may_notice_double, "free",
	  "double free", SLAB_MATE },
	{ "realloc of a free block", realloc_of_free, may_notice_double, "realloc", "double free",
	  0 },
	{ "free of an interior pointer", free_interior, may_notice_interior, "free",
	  "into the middle", ROOM },
	{ "free of an aligned interior pointer", free_interior_aligned, may_notice_interior, "free",
	  "into the middle", ROOM },
	{ "free behind the last block", free_behind_last, may_notice_interior, "free",
	  "no block", TAIL },
	{ "realloc of an interior pointer", realloc_interior, may_notice_interior, "realloc",
	  "into the middle", ROOM },
	{ "header byte overwritten", header_overwritten, may_notice_header, "free",
	  "byte before the block", 0 },
	{ "overrun by one", overrun, may_notice_overrun, "free", "overwritten|past its end",
	  NEIGHBOUR },
	{ "overrun, then realloc", overrun_then_realloc, may_notice_overrun, "realloc",
	  "overwritten|past its end", NEIGHBOUR },
	{ "write after free", write_after_free, may_notice_write, "malloc", "was written to",
	  ROOM },
	{ "write into a free block's link", link_written, may_notice_write, "malloc",
	  "was written to", 0 },
	{ "overrun after free", overrun_after_free, may_notice_write, "malloc", "was written to",
	  0 },
	{ "free with a wrong size", wrong_size, may_notice_write, "free_sized", "size given", 0 },
};

static struct {
	const struct wrong *w;
	struct victim v;
} crime;

static void commit(void *arg)
{
	(void)arg;
	crime.w->commit(&crime.v);
}

static bool says_one_of(const char *text, const char *what)
{
	char part[64];
	const char *bar = strchr(what, '|');
	size_t n = bar != NULL ? (size_t)(bar - what) : strlen(what);

	memcpy(part, what, n);
	part[n] = '\0';
	return strstr(text, part) != NULL || (bar != NULL && strstr(text, bar + 1) != NULL);
}

/* The pointer that the wrong use hands over, told by what the commit above does. */
static const char *pointer_named(const struct wrong *w, const struct victim *v)
{
	if (w->commit == free_interior || w->commit == realloc_interior)
		return v->p + 8;
	if (w->commit == free_behind_last)
		return behind_last(v);
	if (w->commit == free_interior_aligned)
		return v->p + HM_ALIGN;
	if ((w->commit == overrun || w->commit == overrun_then_realloc) && HM_GUARDS != 2)
		return v->next;
	return v->p;
}

static void check_wrong(const struct wrong *w, unsigned cls)
{
	char text[1024], start[64], pointer[40], class[24];

	crime.w = w;
	crime.v = find_victim(cls);
	snprintf(start, sizeof start, "hakmem: %s(): ", w->entry);
	snprintf(pointer, sizeof pointer, "pointer=%p", pointer_named(w, &crime.v));
	snprintf(class, sizeof class, "class=%u ", cls);
	must_say(death_of(commit, NULL, text, sizeof text), "%s, class %u: survived; said: %s",
		 w->name, cls, text);
	must_say(death_said(text, start, pointer), "%s, class %u, %s: %s", w->name, cls, pointer,
		 text);
	must_say(says_one_of(text, w->what), "%s, class %u: %s", w->name, cls, text);
	must_say(strstr(text, class) != NULL, "%s, class %u: %s", w->name, cls, text);
}

/* Bytes of a span behind the place where a block after the last would begin. */
static size_t span_tail(unsigned cls)
{
	const struct hm_class *c = &hm_classes[cls];
	size_t used = hm_layout_first(cls) + (size_t)c->capacity * c->stride;

	return used < c->slabs * HM_SLAB_SIZE ? c->slabs * HM_SLAB_SIZE - used : 0;
}

static bool applies(const struct wrong *w, unsigned cls)
{
	if (!support_class_in_use(cls) || !w->may_notice(cls))
		return false;
	if ((w->needs & (NEIGHBOUR | SLAB_MATE)) && hm_classes[cls].capacity < 3)
		return false;
	if ((w->needs & TAIL) && span_tail(cls) < HM_ALIGN)
		return false;
	return !(w->needs & ROOM) || hm_class_usable(cls) > HM_ALIGN + 8;
}

START_TEST(each_wrong_use)
{
	unsigned every = support_times(1, 7), turn = 0;
	size_t tried[sizeof wrongs / sizeof wrongs[0]] = { 0 };

	support_keep_freed();
	for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
		for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
			if (!applies(&wrongs[i], cls))
				continue;
			tried[i]++;
			if (turn++ % every == 0)
				check_wrong(&wrongs[i], cls);
		}
		if (tried[i] == 0)
			printf("test_guards: this build cannot notice: %s\n", wrongs[i].name);
	}
}
END_TEST

/* ---- In every build ---- */

static void free_pointer(void *p)
{
	hak_free(p);
}

static void realloc_pointer(void *p)
{
	void *q = hak_realloc(p, 100);

	(void)q;
}

static void must_die(void (*f)(void *), const char *entry, void *p, const char *what,
		     const char *cls)
{
	char text[1024], start[64], pointer[40];

	snprintf(start, sizeof start, "hakmem: %s(): ", entry);
	snprintf(pointer, sizeof pointer, "pointer=%p", p);
	must_say(death_of(f, p, text, sizeof text), "%s: survived; said: %s", what, text);
	must_say(death_said(text, start, pointer), "%s: said %s", what, text);
	must_say(strstr(text, what) != NULL && strstr(text, cls) != NULL, "%s, %s: said %s", what,
		 cls, text);
}

START_TEST(foreign_pointers)
{
	static char in_bss[64];
	char *on_stack = support_raw(&(char[64]){ 0 });
	char *from_libc = malloc(100);
	void *all[] = { in_bss + 16, on_stack, from_libc, support_raw((const void *)free_pointer),
			support_raw((const void *)16), support_raw((const void *)-16),
			support_raw((const void *)((uintptr_t)1 << (sizeof(void *) * 6 - 1))),
			support_raw((const void *)(UINTPTR_MAX / 3)) };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		must_die(free_pointer, "free", all[i], "not from this allocator", "class=none");
		must_die(realloc_pointer, "realloc", all[i], "not from this allocator",
			 "class=none");
		ck_assert_uint_eq(hak_usable_size(all[i]), 0);
	}
	free(from_libc);
}
END_TEST

START_TEST(freed_slabs)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		void *p = support_alloc(cls);

		hak_free(p);
		hm_release_caches(hm_tls_heap);
		must_die(free_pointer, "free", support_raw(p), "slab is free", "class=none");
		must_die(realloc_pointer, "realloc", support_raw(p), "slab is free", "class=none");
		ck_assert_uint_eq(hak_usable_size(support_raw(p)), 0);
	}
}
END_TEST

static void free_large_twice(void *p)
{
	hak_free(p);
	hak_free(support_raw(p));
}

static void overrun_large(void *p)
{
	((char *)support_raw(p))[hm_heap_usable(p)] = 1;
	hak_free(p);
}

START_TEST(large_blocks)
{
	char *p = hak_malloc(LARGE), *shifted = hak_memalign(HM_SUPERSLAB_SIZE, LARGE);

	must_die(free_large_twice, "free", p, "double free", "class=large");
	must_die(free_pointer, "free", p + 16, "into the middle", "class=large");
	must_die(free_pointer, "free", p + HM_SUPERSLAB_SIZE, "into the middle", "class=large");
	must_die(realloc_pointer, "realloc", p + 4096, "into the middle", "class=large");
	must_die(free_pointer, "free", shifted + 64, "into the middle", "class=large");
	/* Full guards only: the bytes behind others are nobody's. */
	if (HM_GUARDS == 2)
		must_die(overrun_large, "free", p, "past its end", "size=");
	hak_free(p);
	hak_free(shifted);
}
END_TEST

/* Below full guards a wrong size is no error: the true one is known. */
static void sized_frees(void *arg)
{
	(void)arg;
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		void *p = support_alloc(cls);

		hak_free_sized(p, hm_heap_usable(p) + (HM_GUARDS < 2 ? 1 : 0));
		p = hak_memalign(64, 100);
		hak_free_aligned_sized(p, 64, 100);
	}
	hak_free_sized(NULL, 100);
}

START_TEST(sizes_that_are_right_or_ignored)
{
	support_must_be_silent(sized_frees, NULL);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { each_wrong_use, foreign_pointers, freed_slabs, large_blocks,
				 sizes_that_are_right_or_ignored };

	return SUPPORT_RUN("guards", tests);
}
