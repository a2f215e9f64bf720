/*
 * checked.c - the checked heap: its blocks' words, and the quarantine of freed ones.
 *
 * owns: the heap and its lock, the quarantine: a ring of freed blocks, bounded
 * by number and by bytes.
 * What is found is reported without the lock: the process may have a handler
 * of SIGABRT that allocates.
 * called from: heap/heap.c, heap/thread.c, heap/fork.c, report/collect.c, api/start.c.
 */
#include "base/base.h"

#include "heap/checked.h"

#include "base/assert.h"
#include "base/bits.h"
#include "heap/cache.h"
#include "heap/profile.h"
#include "heap/room.h"
#include "heap/wrong_use.h"
#include "os/lock.h"

#include <string.h>

#define WORD_BYTES sizeof(uint64_t)
/* The word: the slack in the upper bits, a hash of address and slack below. */
#define SLACK_SHIFT 44
#define SLACK_BITS (64 - SLACK_SHIFT)
/* No slack is that long: the block was freed. */
#define FREED (((size_t)1 << SLACK_BITS) - 1)
/*
 * The first byte behind a block without slack is none of those that overruns
 * write: zero, text, all ones.
 */
#define FIRST_SET ((uint64_t)0x81)
#define FIRST_CLEAR ((uint64_t)0x40)

#define JUNK 0xcd
#define SLACK 0xb7

/* As many bytes as are filled: of a new block, of its slack, of a freed block. */
#define JUNK_MAX ((size_t)64 << 10)
#define SLACK_MAX ((size_t)4 << 10)
#define POISON_MAX ((size_t)64 << 10)

#define QUARANTINE_BLOCKS 1024
#define QUARANTINE_BYTES ((size_t)1 << 20)
/* Frees between two recounts of a slab. */
#define RECOUNT_EVERY 256

_Static_assert(HM_MEDIUM_MAX / 4 < FREED, "a slack has room in the word");

struct hm_heap hm_checked_owner;
static struct hm_lock lock = HM_LOCK_INIT(HM_RANK_CHECKED);

static struct {
	char *ring[QUARANTINE_BLOCKS];
	unsigned first, nr;
	size_t bytes;
	unsigned since_recount;
} quarantine;

/* Of the live blocks of each class: bytes that they have, but their holders may not use. */
static _Atomic size_t unusable[HM_CLASSES];

/* What is wrong with a block: what is NULL, nothing. */
struct trouble {
	const char *what;
	const char *block;
	const char *name; /* of a value that says more, or NULL */
	size_t value;
	size_t asked; /* the block's size, or HM_CHECKED_ANY */
};

#define NO_TROUBLE(p) { NULL, (p), NULL, 0, HM_CHECKED_ANY }

/* The block's own marks, or its slab, say what is wrong: for wrong_use.c to find out. */
static const char by_marks[] = "marks";

void hm_checked_init(void)
{
	hm_heap_reset(&hm_checked_owner);
	hm_checked_owner.alone = true;
	hm_heaps_add(&hm_checked_owner);
}

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t address_hash(const char *p)
{
	return mix((uintptr_t)p);
}

static uint64_t word_of(const char *p, size_t slack)
{
	uint64_t h = address_hash(p);
	uint64_t low = mix(h + slack) << SLACK_BITS >> SLACK_BITS;

	return (h >> SLACK_SHIFT ^ slack) << SLACK_SHIFT | (low & ~FIRST_CLEAR) | FIRST_SET;
}

static size_t slack_of(const char *p, uint64_t word)
{
	return (size_t)((word ^ address_hash(p)) >> SLACK_SHIFT);
}

/* The bytes before the word. */
static size_t room_of(unsigned cls)
{
	return hm_class_usable(cls) - WORD_BYTES;
}

/* In header mode a word may lie at any address. */
static uint64_t word_get(const char *p, unsigned cls)
{
	uint64_t word;

	memcpy(&word, p + room_of(cls), sizeof word);
	return hm_lowest_first(word);
}

static void word_set(char *p, unsigned cls, size_t slack)
{
	uint64_t word = hm_lowest_first(word_of(p, slack));

	memcpy(p + room_of(cls), &word, sizeof word);
}

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

/* How many bytes from p on, n at most, are still what they were filled with. */
static size_t intact(const char *p, unsigned char fill, size_t n)
{
	uint64_t word, all = 0x0101010101010101u * (uint64_t)fill;
	size_t i = 0;

	for (; n - i >= sizeof word; i += sizeof word) {
		memcpy(&word, p + i, sizeof word);
		if (word != all)
			break;
	}
	while (i < n && (unsigned char)p[i] == fill)
		i++;
	return i;
}

/* The live block has n bytes: slack and word. */
static void set_size(char *p, unsigned cls, size_t n)
{
	size_t slack = room_of(cls) - n;

	memset(p + n, SLACK, at_most(slack, SLACK_MAX));
	word_set(p, cls, slack);
}

static void wrong_at(struct trouble *t, const char *what, size_t offset)
{
	t->what = what;
	t->name = "offset=";
	t->value = offset;
}

/* Is p a live, whole block of the checked span s? */
static struct trouble inspect(struct hm_slab *s, const char *p)
{
	static const char overrun[] = "the block was written past its end";
	struct trouble t = NO_TROUBLE(p);
	struct hm_user u = { (void *)(uintptr_t)p };
	size_t room, slack, filled, good;
	uint64_t word;

	if (!hm_checked_has(s) || !hm_slab_is_block(s, p) ||
	    !hm_cache_is_live(s, u, hm_class_is_tiny(s->cls))) {
		t.what = by_marks;
		return t;
	}
	room = room_of(s->cls);
	word = word_get(p, s->cls);
	slack = slack_of(p, word);
	if (word != word_of(p, slack) || (slack > room && slack != FREED)) {
		wrong_at(&t, overrun, room);
	} else if (slack == FREED) {
		t.what = "double free";
	} else {
		t.asked = room - slack;
		filled = at_most(slack, SLACK_MAX);
		good = intact(p + t.asked, SLACK, filled);
		if (good < filled)
			wrong_at(&t, overrun, t.asked + good);
	}
	return t;
}

static hm_cold void report(const struct trouble *t, const char *entry)
{
	if (t->what == by_marks)
		hm_wrong_use_free((void *)(uintptr_t)t->block, entry);
	else
		hm_wrong_use_checked(t->block, entry, t->what, t->name, t->value,
				     t->asked);
}

/* Is the freed block as it was left? */
static struct trouble inspect_freed(struct hm_slab *s, const char *p)
{
	static const char written[] = "a free block was written to";
	struct trouble t = NO_TROUBLE(p);
	struct hm_user u = { (void *)(uintptr_t)p };
	size_t room = room_of(s->cls), filled = at_most(room, POISON_MAX);
	size_t good = intact(p, HM_POISON, filled);

	if (good < filled)
		wrong_at(&t, written, good);
	else if (word_get(p, s->cls) != word_of(p, FREED))
		wrong_at(&t, written, room);
	else if (!hm_cache_is_live(s, u, hm_class_is_tiny(s->cls)))
		t.what = by_marks;
	return t;
}

static struct hm_slab *span_of(const char *p)
{
	return hm_slab_head(hm_slab_at(p));
}

/* The block that waited longest goes to the heap's lists, unless something is wrong with it. */
static struct trouble leave_quarantine(void)
{
	char *p = quarantine.ring[quarantine.first];
	struct hm_slab *s = span_of(p);
	struct trouble t = inspect_freed(s, p);

	quarantine.first = (quarantine.first + 1) % QUARANTINE_BLOCKS;
	quarantine.nr--;
	quarantine.bytes -= hm_classes[s->cls].stride;
	if (t.what != NULL)
		return t;
	if (++quarantine.since_recount >= RECOUNT_EVERY) {
		quarantine.since_recount = 0;
		if (!hm_slab_valid(s)) {
			t.what = "the slab's free list is damaged";
			return t;
		}
	}
	hm_cache_push(&hm_checked_owner, s, (struct hm_user){ p }, hm_class_is_tiny(s->cls));
	return t;
}

/* Makes room for one more block of `bytes`. */
static struct trouble make_room(size_t bytes)
{
	struct trouble t = NO_TROUBLE(NULL);

	while (t.what == NULL && quarantine.nr > 0 &&
	       (quarantine.nr == QUARANTINE_BLOCKS || quarantine.bytes + bytes > QUARANTINE_BYTES))
		t = leave_quarantine();
	return t;
}

static struct trouble empty_quarantine(void)
{
	struct trouble t = NO_TROUBLE(NULL);

	while (t.what == NULL && quarantine.nr > 0)
		t = leave_quarantine();
	return t;
}

static void enter_quarantine(struct hm_slab *s, char *p)
{
	size_t room = room_of(s->cls);

	memset(p, HM_POISON, at_most(room, POISON_MAX));
	word_set(p, s->cls, FREED);
	quarantine.ring[(quarantine.first + quarantine.nr) % QUARANTINE_BLOCKS] = p;
	quarantine.nr++;
	quarantine.bytes += hm_classes[s->cls].stride;
}

void hm_checked_free(struct hm_slab *s, void *p, size_t n, const char *entry)
{
	struct trouble t;
	size_t asked;

	hm_profile_forget(p);
	hm_lock_take(&lock);
	t = inspect(s, p);
	asked = t.asked;
	if (t.what == NULL && n != HM_CHECKED_ANY && n != t.asked) {
		t.what = "the size given is not the block's";
		t.name = "given=";
		t.value = n;
	}
	if (t.what == NULL)
		t = make_room(hm_classes[s->cls].stride);
	if (t.what == NULL) {
		hm_sub_relaxed(&unusable[s->cls], hm_class_usable(s->cls) - asked);
		enter_quarantine(s, p);
	}
	hm_lock_release(&lock);
	if (hm_unlikely(t.what != NULL))
		report(&t, entry);
}

/* The class of a checked block; HM_CLASSES: it is large, and ordinary. */
static unsigned class_of(size_t align, size_t n)
{
	if (n > (size_t)HM_MEDIUM_REQUEST_MAX - WORD_BYTES)
		return HM_CLASSES;
	if (align <= HM_ALIGN)
		return hm_class_of(n + WORD_BYTES);
	return hm_class_of_aligned(n + WORD_BYTES, align);
}

/* When the OS refuses, what waits in the quarantine is given up first. */
static void *alloc_class(unsigned cls, enum hm_failure *why)
{
	struct trouble t = NO_TROUBLE(NULL);
	bool zero;
	void *p;

	hm_lock_take(&lock);
	p = hm_refill_block(&hm_checked_owner, cls, &zero);
	if (hm_unlikely(p == NULL && quarantine.nr > 0)) {
		t = empty_quarantine();
		if (t.what == NULL)
			p = hm_refill_block(&hm_checked_owner, cls, &zero);
	}
	*why = (enum hm_failure)hm_checked_owner.failure;
	hm_lock_release(&lock);
	if (hm_unlikely(t.what != NULL))
		report(&t, "malloc");
	return p;
}

void *hm_checked_alloc(size_t align, size_t n, enum hm_failure *why)
{
	unsigned cls = class_of(align, n);
	bool zero;
	char *p;

	if (cls == HM_CLASSES)
		return hm_room_large(n == 0 ? 1 : n, align, &zero, why);
	p = alloc_class(cls, why);
	if (p == NULL)
		return NULL;
	memset(p, JUNK, at_most(n, JUNK_MAX));
	set_size(p, cls, n);
	hm_add_relaxed(&unusable[cls], hm_class_usable(cls) - n);
	return p;
}

static struct trouble inspect_locked(struct hm_slab *s, const char *p)
{
	struct trouble t;

	hm_lock_take(&lock);
	t = inspect(s, p);
	hm_lock_release(&lock);
	return t;
}

size_t hm_checked_size(struct hm_slab *s, const void *p, const char *entry)
{
	struct trouble t = inspect_locked(s, p);

	if (hm_unlikely(t.what != NULL))
		report(&t, entry);
	return t.asked;
}

size_t hm_checked_usable(struct hm_slab *s, const void *p, const char *entry)
{
	struct trouble t = inspect_locked(s, p);

	if (t.what != NULL && t.name == NULL)
		return 0;
	if (hm_unlikely(t.what != NULL))
		report(&t, entry);
	return t.asked;
}

bool hm_checked_stays(const struct hm_slab *s, size_t n)
{
	return class_of(HM_ALIGN, n) == s->cls;
}

bool hm_checked_resize(struct hm_slab *s, void *p, size_t old, size_t n)
{
	if (n > room_of(s->cls))
		return false;
	if (n > old)
		memset((char *)p + old, JUNK, at_most(n - old, JUNK_MAX));
	set_size(p, s->cls, n);
	hm_add_relaxed(&unusable[s->cls], old - n);
	return true;
}

void hm_checked_purge(void)
{
	struct trouble t;

	hm_lock_take(&lock);
	t = empty_quarantine();
	if (t.what == NULL)
		hm_release_caches(&hm_checked_owner);
	hm_lock_release(&lock);
	if (t.what != NULL)
		report(&t, "purge");
}

void hm_checked_finish(void)
{
	struct trouble t = NO_TROUBLE(NULL);

	hm_lock_take(&lock);
	for (unsigned i = 0; t.what == NULL && i < quarantine.nr; i++) {
		const char *p = quarantine.ring[(quarantine.first + i) % QUARANTINE_BLOCKS];

		t = inspect_freed(span_of(p), p);
	}
	hm_lock_release(&lock);
	if (t.what != NULL)
		report(&t, "exit");
}

size_t hm_checked_slack(unsigned cls)
{
	return hm_load_relaxed(&unusable[cls]);
}

struct hm_heap *hm_checked_take(uint32_t held[HM_CLASSES])
{
	hm_lock_take(&lock);
	for (unsigned i = 0; i < quarantine.nr; i++)
		held[span_of(quarantine.ring[(quarantine.first + i) % QUARANTINE_BLOCKS])->cls]++;
	return &hm_checked_owner;
}

void hm_checked_release(void)
{
	hm_lock_release(&lock);
}

void hm_checked_fork_take(void)
{
	hm_lock_take(&lock);
}

void hm_checked_fork_release(bool child)
{
	if (child)
		hm_lock_reset(&lock);
	else
		hm_lock_release(&lock);
}
