/*
 * test_ace_state.c - what threads leave to later ones: how it rises and falls, its bounds, what a
 * heap begins with in each mode of the option ace; and the state as a text, good ones and bad.
 */
#include "support.h"

#include "hakmem.h"

#include "heap/budget.h"
#include "heap/thread.h"
#include "policy/ace.h"
#include "policy/ace_state.h"
#include "policy/options.h"
#include "report/stats.h"

#define RISE 2
#define FALL 32
#define SETTLED 32
#define ASK_ONE_IN 4

static unsigned start_of(unsigned cls)
{
	return hm_ace_state_budget(cls, HM_ACE_WHOLE);
}

static void forget(void)
{
	hm_options.ace = HM_ACE_ON;
	hm_options.learn = 1;
	must(hm_ace_state_set(""));
}

static const char *text(void)
{
	static char buf[HM_ACE_TEXT];
	struct hm_ace_state s;

	hm_ace_state_get(&s);
	must(hm_ace_state_text(&s, buf, sizeof(buf)) == strlen(buf));
	return buf;
}

static bool is_text(const char *wanted)
{
	return strcmp(text(), wanted) == 0;
}

/* ---- Learning ---- */

static void learn(unsigned cls, unsigned budget, bool used)
{
	if (!hm_ace_state_stays(cls, budget, used) && hm_ace_state_learn(cls, budget, used))
		hm_ace_state_moved();
}

START_TEST(rises_and_falls)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned first = hm_classes[cls].first, most = hm_classes[cls].budget, at = first;

		forget();
		must(start_of(cls) == first);
		if (first == most)
			continue;
		/* One says nothing, nor do two with another one between them. */
		learn(cls, most, true);
		learn(cls, first, true);
		learn(cls, most, true);
		must(start_of(cls) == first);
		learn(cls, first, true);
		/* The lower of two, in either order; what was said before is over. */
		for (unsigned i = 0; at < most; i++) {
			unsigned next = (at + most + 1) / 2;

			must(start_of(cls) == at);
			learn(cls, i % 2 == 0 ? most : next, true);
			must(start_of(cls) == at);
			learn(cls, i % 2 == 0 ? next : most, true);
			at = next;
			must_say(start_of(cls) == at, "class %u: %u, not %u", cls, start_of(cls),
				 at);
		}
		/* Of use: it stays. Not so, but to one in so many: the same. */
		for (unsigned i = 0; i < 10 * FALL; i++)
			learn(cls, at, i % FALL == 0);
		must(start_of(cls) == at);
		learn(cls, at, true);
		for (unsigned i = 0; i < FALL; i++) {
			must(start_of(cls) == at);
			learn(cls, at, false);
		}
		must(start_of(cls) == first + (at - first) / 2);
		for (unsigned i = 0; i < 20 * FALL; i++)
			learn(cls, first, false);
		must(start_of(cls) == first);
	}
	forget();
}
END_TEST

/* Not above what heaps ended with. */
START_TEST(rises_to_what_was)
{
	unsigned cls = 10, budget = hm_classes[cls].first + 3u;

	forget();
	for (unsigned i = 0; i < 100; i++)
		learn(cls, budget, true);
	must(start_of(cls) == budget);
	hm_options.learn = 0;
	for (unsigned i = 0; i < 100; i++)
		learn(cls, budget + 1, true);
	must(start_of(cls) == budget);
	forget();
}
END_TEST

START_TEST(patience)
{
	forget();
	for (unsigned at = 0; at < HM_ACE_PATIENCE_MAX; at++) {
		for (unsigned i = 0; i < RISE; i++) {
			must(hm_ace_state_patience() == at);
			hm_ace_state_learn_patience(at + 1, true);
		}
	}
	/* Had a look, and wants no less: it stays. */
	for (unsigned i = 0; i < 10 * FALL; i++)
		hm_ace_state_learn_patience(HM_ACE_PATIENCE_MAX, i % FALL == 0);
	must(hm_ace_state_patience() == HM_ACE_PATIENCE_MAX);
	hm_ace_state_learn_patience(HM_ACE_PATIENCE_MAX, true);
	/* Had none, or lost it. */
	for (unsigned at = HM_ACE_PATIENCE_MAX; at > 0; at--) {
		for (unsigned i = 0; i < FALL; i++) {
			must(hm_ace_state_patience() == at);
			hm_ace_state_learn_patience(at - i % 2, i % 2 == 1);
		}
	}
	hm_ace_state_learn_patience(0, true);
	must(hm_ace_state_patience() == 0 && is_text("patience:10"));
	hm_options.learn = 0;
	for (unsigned i = 0; i < 10; i++)
		hm_ace_state_learn_patience(1, true);
	must(hm_ace_state_patience() == 0);
	forget();
}
END_TEST

static size_t sum(unsigned share)
{
	size_t bytes = 0;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		if (hm_classes[cls].capacity > 1)
			bytes += (hm_ace_state_budget(cls, share) - hm_classes[cls].first) *
				 (size_t)hm_classes[cls].stride;
	return bytes;
}

/* All classes want all they can have: the sum that heaps get stays below its bound, and of many. */
START_TEST(bounded)
{
	uint64_t random = support_seed;
	size_t last = SIZE_MAX;

	forget();
	for (unsigned i = 0; i < 20000; i++) {
		unsigned cls = (unsigned)support_below(&random, HM_CLASSES);

		learn(cls, hm_classes[cls].budget, true);
		must(sum(hm_ace_state_share(1)) <= hm_ace_start_max(1) + ((size_t)600 << 10));
	}
	must(sum(hm_ace_state_share(1)) > hm_ace_start_max(1) / 2);
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		must(start_of(cls) == hm_classes[cls].budget);
	for (unsigned heaps = 1; heaps < 100000; heaps = heaps * 2 + 1) {
		size_t bytes = sum(hm_ace_state_share(heaps));

		/* Of each class half a block more by rounding. */
		must(bytes <= hm_ace_start_max(heaps) + ((size_t)600 << 10) && bytes <= last);
		last = bytes;
	}
	must_say(last <= (size_t)32 << 10, "one of many begins with %zu more", last);
	forget();
}
END_TEST

/* None begins with more than it may keep; all together, as far as there is a bound, with 16 MiB. */
START_TEST(begins_within)
{
	size_t last = SIZE_MAX;

	for (unsigned heaps = 0; heaps < 100000; heaps++) {
		size_t start = hm_ace_start_max(heaps);

		must(start <= hm_ace_cache_max(heaps) && start <= last);
		must(heaps > 128 || start * heaps <= (size_t)16 << 20);
		last = start;
	}
	must(hm_ace_start_max(2) == hm_ace_cache_max(2));
}
END_TEST

/* All are asked until nothing moves any more, then some. */
START_TEST(asks_when_it_moves)
{
	unsigned asked = 0;

	forget();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SETTLED; i++)
			must(hm_ace_state_asks());
		asked = 0;
		for (unsigned i = 0; i < 10 * ASK_ONE_IN; i++)
			asked += hm_ace_state_asks();
		must(asked == 10);
		hm_ace_state_moved();
	}
	forget();
}
END_TEST

/* ---- Heaps ---- */

#define CLS 20

static struct {
	unsigned first, last, patience, patience_end;
	bool idle;
} seen;

static void *live(void *arg)
{
	void *p[200];

	(void)arg;
	hm_heap_free(hm_heap_malloc(1));
	seen.first = hm_tls_heap->bins[CLS].budget;
	seen.patience = hm_tls_heap->patience;
	for (unsigned i = 0; i < 50 && !seen.idle; i++) {
		unsigned n = hm_classes[CLS].budget;

		for (unsigned k = 0; k < n; k++)
			p[k] = support_alloc(CLS);
		for (unsigned k = 0; k < n; k++)
			hm_heap_free(p[k]);
	}
	if (!seen.idle)
		hm_tls_heap->patience = hm_ace_patience(seen.patience, 100, 100);
	seen.last = hm_tls_heap->bins[CLS].budget;
	seen.patience_end = hm_tls_heap->patience;
	return NULL;
}

static void thread(bool idle)
{
	seen.idle = idle;
	support_in_thread(live, NULL);
}

START_TEST(threads_learn)
{
	unsigned first = hm_classes[CLS].first, top;

	must(hm_classes[CLS].budget <= 200);
	forget();
	thread(false);
	must(seen.first == first && seen.last > first);
	top = seen.last;
	thread(false);
	must(seen.first == first);
	for (unsigned i = 0; i < 20; i++)
		thread(false);
	must_say(seen.first >= top / 2, "it begins with %u of %u", seen.first, top);
	must(seen.patience > 0);
	/* Those that do not need it undo it; by and by. */
	thread(true);
	must(seen.first >= top / 2);
	for (unsigned i = 0; i < 20 * FALL; i++)
		thread(true);
	must(seen.first == first && seen.patience == 0);
	/* What there was at most is what the text is about. */
	must(strstr(text(), "patience:") != NULL);
	forget();
}
END_TEST

static void *frees_so_many(void *arg)
{
	unsigned n = *(unsigned *)arg;
	void *p = support_alloc(CLS);

	seen.first = hm_tls_heap->bins[CLS].budget;
	for (unsigned i = 0; i < n; i++, p = i < n ? support_alloc(CLS) : NULL)
		hm_heap_free(p);
	return NULL;
}

/* A budget of which more than half is spent stays; of which less is, falls by half and stays. */
START_TEST(half_would_do)
{
	unsigned most = hm_classes[CLS].budget, n = most * 3 / 4, half;

	forget();
	for (unsigned i = 0; i < RISE; i++)
		learn(CLS, most, true);
	for (unsigned i = 0; i < 10 * FALL; i++) {
		support_in_thread(frees_so_many, &n);
		must_say(seen.first == most, "%u: %u of %u", i, seen.first, most);
	}
	half = hm_classes[CLS].first + (most - hm_classes[CLS].first) / 2;
	n = half * 3 / 4;
	must(n < most / 2);
	for (unsigned i = 0; i < 20 * FALL; i++)
		support_in_thread(frees_so_many, &n);
	must_say(seen.first == half, "%u, half %u", seen.first, half);
	forget();
}
END_TEST

START_TEST(threads_do_not_learn)
{
	forget();
	hm_options.learn = 0;
	for (unsigned i = 0; i < 20; i++) {
		thread(false);
		must(seen.first == hm_classes[CLS].first && seen.last > seen.first);
	}
	forget();
}
END_TEST

START_TEST(frozen)
{
	unsigned given = hm_classes[CLS].budget / 2u;
	char wanted[64];

	forget();
	snprintf(wanted, sizeof(wanted), "%zu:%zu patience:3", hm_class_usable(CLS),
		 given * hm_class_usable(CLS));
	hm_options.ace = HM_ACE_FROZEN;
	must(hm_ace_state_set(wanted) && is_text(wanted));
	for (unsigned i = 0; i < 20; i++) {
		thread(false);
		must(seen.first == given && seen.last == given);
		must(seen.patience == 3 && seen.patience_end == 3);
	}
	must(is_text(wanted));
	/* Given and on: from there it goes on. */
	hm_options.ace = HM_ACE_ON;
	thread(false);
	must(seen.first == given && seen.last > given && seen.patience_end == 4);
	hm_options.ace = HM_ACE_OFF;
	thread(false);
	must(seen.first == hm_classes[CLS].budget && seen.last == seen.first);
	must(seen.patience_end == 0);
	forget();
}
END_TEST

/* As the constructor does it, in a process that has a heap already. */
START_TEST(from_the_option)
{
	static const char good[] = "patience:2", bad[] = "patience:2 none";

	forget();
	hm_heap_free(hm_heap_malloc(1));
	hm_options.ace_state = (uint64_t)(uintptr_t)good;
	hm_budget_start();
	must(is_text("patience:2") && hm_tls_heap->patience == 2);
	hm_options.ace_state = (uint64_t)(uintptr_t)bad;
	forget();
	hm_budget_start();
	must(is_text("") && hm_options.ace_state == 0 && hm_tls_heap->patience == 0);
	hm_options.ace = HM_ACE_OFF;
	hm_budget_start();
	must(hm_tls_heap->bins[CLS].budget == hm_classes[CLS].budget);
	forget();
	hm_budget_reset(hm_tls_heap);
}
END_TEST

/* ---- The text ---- */

/* Any state, as a text. */
static void random_text(char *buf, size_t size, uint64_t *random)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		size_t blocks = support_below(random, hm_classes[cls].budget + 1u);

		if (support_below(random, 3) == 0 || blocks == hm_classes[cls].first)
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%zu:%zu", len > 0 ? " " : "",
					hm_class_usable(cls), blocks * hm_class_usable(cls));
	}
	must(len < size - 20);
	if (support_below(random, 2) == 0)
		snprintf(buf + len, size - len, "%spatience:%zu", len > 0 ? " " : "",
			 1 + support_below(random, HM_ACE_PATIENCE_MAX));
}

START_TEST(round_trip)
{
	uint64_t random = support_seed;
	char wanted[HM_ACE_TEXT], got[HM_ACE_TEXT];

	for (unsigned i = 0; i < 1000; i++) {
		forget();
		random_text(wanted, sizeof(wanted), &random);
		must_say(hm_ace_state_set(wanted), "refused: %s", wanted);
		must_say(is_text(wanted), "%s became %s", wanted, text());
		hm_options.ace = HM_ACE_FROZEN;
		must(hak_ace_state(got, sizeof(got)) == strlen(wanted) && strcmp(got, wanted) == 0);
	}
	forget();
}
END_TEST

/* What is not a whole number of blocks, more space than needed, in another order. */
START_TEST(taken_as_meant)
{
	char wanted[100], given[200];
	size_t a = hm_class_usable(3), b = hm_class_usable(40);

	forget();
	snprintf(wanted, sizeof(wanted), "%zu:%zu %zu:%zu", a, 5 * a, b, b);
	snprintf(given, sizeof(given), "  patience:0   %zu:%zu %zu:%zu  ", b, 2 * b - 1, a,
		 5 * a + 1);
	must(hm_ace_state_set(given) && is_text(wanted));
	snprintf(given, sizeof(given), "%zu:%zu", a, hm_classes[3].first * a);
	must(hm_ace_state_set(given) && is_text(""));
	snprintf(given, sizeof(given), "%zu:0", a);
	must(hm_ace_state_set(given) && is_text(given) && start_of(3) == 0);
	forget();
}
END_TEST

START_TEST(bad_texts)
{
	static const char *const bad[] = {
		"x", ":", "1", "17:17", "patience", "patience:", "patience:11", "patience:-1",
		"patience:1 patience:1", "patience:1,", "patience: 1", "patience:1\t", "Patience:1",
		"patience:1\n", "0:0", ":0", "4294967296:0", "99999999999999999999:1",
		"patience:4294967297", "patience:1000000000", "patience:1:1", "patiencepatience:1",
		"2097153:0", "-16:16", "patience:0x1",
	};
	char more[200], *kept;
	size_t size = hm_class_usable(5), most = (hm_classes[5].budget + 1u) * size;

	forget();
	snprintf(more, sizeof(more), "%zu:%zu patience:5", size, size);
	must(hm_ace_state_set(more));
	kept = strdup(text());
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		must_say(!hm_ace_state_set(bad[i]), "taken: %s", bad[i]);
		/* The good part of it neither. */
		snprintf(more, sizeof(more), "%zu:0 %s", size, bad[i]);
		must_say(!hm_ace_state_set(more), "taken: %s", more);
		must(is_text(kept) && start_of(5) == 1 && hm_ace_state_patience() == 5);
	}
	snprintf(more, sizeof(more), "%zu:%zu", size, most);
	must(!hm_ace_state_set(more));
	snprintf(more, sizeof(more), "%zu:%zu", size, most - 1);
	must(hm_ace_state_set(more) && start_of(5) == hm_classes[5].budget);
	snprintf(more, sizeof(more), "%zu:%zu %zu:%zu", size, size, size, size);
	must(!hm_ace_state_set(more));
	free(kept);
	forget();
}
END_TEST

/* Good texts with some characters changed, taken away or doubled: all or nothing of each. */
START_TEST(mutated_texts)
{
	static const char chars[] = "0123456789::  patienceKx-\t\377";
	unsigned taken = 0, times = support_times(100000, 5000);
	char given[HM_ACE_TEXT + 8], before[HM_ACE_TEXT], after[HM_ACE_TEXT];
	uint64_t random = support_seed;

	forget();
	for (unsigned i = 0; i < times; i++) {
		size_t len, at;

		random_text(given, HM_ACE_TEXT, &random);
		given[support_below(&random, 60)] = '\0';
		for (size_t n = support_below(&random, 3); n > 0; n--) {
			len = strlen(given);
			at = support_below(&random, len + 1);
			if (len == 0 || support_below(&random, 3) == 0)
				memmove(given + at + 1, given + at, len - at + 1);
			else if (support_below(&random, 3) == 0)
				memmove(given + at, given + at + (at < len), len - at + 1);
			if (at < strlen(given) || len == 0)
				given[at] = chars[support_below(&random, sizeof(chars) - 1)];
		}
		strcpy(before, text());
		if (!hm_ace_state_set(given)) {
			must_say(is_text(before), "refused, but changed something: %s", given);
			continue;
		}
		taken++;
		strcpy(after, text());
		must_say(hm_ace_state_set(after) && is_text(after), "%s became %s", given, after);
		for (unsigned cls = 0; cls < HM_CLASSES; cls++)
			must(start_of(cls) <= hm_classes[cls].budget);
	}
	must_say(taken > times / 10 && taken < times, "%u of %u were taken", taken, times);
	forget();
}
END_TEST

START_TEST(cut_to_the_buffer)
{
	char buf[64];
	size_t len;

	forget();
	hm_options.ace = HM_ACE_FROZEN;
	must(hm_ace_state_set("patience:10"));
	len = strlen("patience:10");
	must(hak_ace_state(NULL, 0) == len);
	for (size_t size = 1; size < sizeof(buf); size++) {
		memset(buf, 'x', sizeof(buf));
		must(hak_ace_state(buf, size) == len);
		must(strlen(buf) == (size - 1 < len ? size - 1 : len));
		must(strncmp(buf, "patience:10", strlen(buf)) == 0);
		must(size == sizeof(buf) || buf[size] == 'x');
	}
	forget();
}
END_TEST

/* The longest text there is. */
START_TEST(fits)
{
	char given[HM_ACE_TEXT + 100];
	size_t len = 0;

	forget();
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		len += (size_t)snprintf(given + len, sizeof(given) - len, "%zu:%zu ",
					hm_class_usable(cls),
					hm_classes[cls].budget * hm_class_usable(cls));
	snprintf(given + len, sizeof(given) - len, "patience:10");
	must(strlen(given) < HM_ACE_TEXT && hm_ace_state_set(given) && is_text(given));
	must(hm_ace_state_share(1) == HM_ACE_WHOLE * hm_ace_start_max(1) / sum(HM_ACE_WHOLE));
	forget();
}
END_TEST

/* A thread that lives on has a part in it. */
START_TEST(living_threads)
{
	char buf[HM_ACE_TEXT], item[40];

	forget();
	hm_heap_free(hm_heap_malloc(1));
	hm_budget_reset(hm_tls_heap);
	for (unsigned i = 0; i < 5; i++)
		hm_budget_grow(hm_tls_heap, CLS);
	must(is_text(""));
	hm_stats_ace(buf, sizeof(buf));
	snprintf(item, sizeof(item), "%zu:%zu", hm_class_usable(CLS),
		 hm_tls_heap->bins[CLS].budget * hm_class_usable(CLS));
	must_say(strstr(buf, item) != NULL, "%s is not in %s", item, buf);
	hm_budget_reset(hm_tls_heap);
	forget();
}
END_TEST

int main(void)
{
	const TTest *tests[] = { rises_and_falls, rises_to_what_was, bounded,
				 threads_learn,	  threads_do_not_learn, frozen,
				 from_the_option, round_trip, taken_as_meant,
				 bad_texts,	  mutated_texts, cut_to_the_buffer,
				 fits,		  living_threads, patience,
				 begins_within,	  asks_when_it_moves, half_would_do };

	return SUPPORT_RUN("ace_state", tests);
}
