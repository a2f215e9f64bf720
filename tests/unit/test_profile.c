/*
 * test_profile.c - the heap profile: each block when it is asked for, estimates else; every way to
 * allocate and to free; on and off; threads, fork, memory that is refused.
 */
#include "support.h"

#include "hakmem.h"

#include "heap/profile.h"
#include "os/os.h"
#include "os/output.h"
#include "pool/large.h"
#include "report/profile.h"
#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>

static struct hm_profile_counts sum(void)
{
	struct hm_profile_counts all = { 0 };

	for (const struct hm_site *s = hm_table_first(); s != NULL; s = s->older) {
		all.live += s->n.live;
		all.live_bytes += s->n.live_bytes;
		all.all += s->n.all;
		all.all_bytes += s->n.all_bytes;
	}
	return all;
}

static bool is_sampled(const void *p)
{
	return hm_registry_get(p) == HM_REG_SUPERSLAB &&
	       hm_profile_has(hm_slab_head(support_slab_of((void *)(uintptr_t)p)));
}

/* One block came, of that usable size, and lives. */
static void must_count(struct hm_profile_counts *was, void *p)
{
	struct hm_profile_counts now = sum();
	size_t size = hak_usable_size(p);

	must(p != NULL);
	must_say(now.live == was->live + 1 && now.all == was->all + 1,
		 "%" PRIu64 " blocks, were %" PRIu64, now.live, was->live);
	must(now.live_bytes == was->live_bytes + size && now.all_bytes == was->all_bytes + size);
	*was = now;
}

static void must_go(struct hm_profile_counts *was, size_t size)
{
	struct hm_profile_counts now = sum();

	must_say(now.live == was->live - 1 && now.all == was->all,
		 "%" PRIu64 " live, were %" PRIu64, now.live, was->live);
	must(now.live_bytes == was->live_bytes - size);
	*was = now;
}

static void free_counted(struct hm_profile_counts *was, void *p)
{
	size_t size = hak_usable_size(p);

	hak_free(p);
	must_go(was, size);
}

START_TEST(each_block)
{
	static const size_t sizes[] = { 0, 1, 16, 17, 100, 1024, 8000, 8192, 8193, 20000,
					131072, 140000, 1000000, 2097152, 5000000 };
	struct hm_profile_counts n;

	must(hak_profile_start(1) == 0);
	n = sum();
	must(n.live == 0 && n.all == 0);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		void *p = hak_malloc(sizes[i]), *q;

		must_count(&n, p);
		q = hak_calloc(1, sizes[i]);
		must_count(&n, q);
		for (size_t k = 0; k < sizes[i]; k++)
			must(((char *)q)[k] == 0);
		memset(p, 1, sizes[i]);
		free_counted(&n, p);
		free_counted(&n, q);
		p = hak_aligned_alloc(4096, sizes[i]);
		must((uintptr_t)p % 4096 == 0);
		must_count(&n, p);
		free_counted(&n, p);
		p = hak_malloc(sizes[i]);
		must_count(&n, p);
		hak_free_sized(p, sizes[i]);
		n = sum();
		must(n.live == 0 && n.live_bytes == 0);
	}
	must(hak_profile_stop() == 0);
}
END_TEST

/* A block that moves is one that goes and one that comes; one that stays is the same. */
static void try_resize(struct hm_profile_counts *n, size_t from, size_t to)
{
	char *p = hak_malloc(from), *q;
	size_t old = hak_usable_size(p);

	must_count(n, p);
	memset(p, 7, from);
	q = hak_realloc(p, to);
	must(q != NULL);
	for (size_t i = 0; i < from && i < to; i++)
		must(q[i] == 7);
	if (q == p && hak_usable_size(q) == old) {
		must(sum().live == n->live && sum().all == n->all);
	} else {
		must(sum().live == n->live && sum().all == n->all + 1);
		must(sum().live_bytes == n->live_bytes - old + hak_usable_size(q));
	}
	*n = sum();
	free_counted(n, q);
}

START_TEST(resized)
{
	static const size_t sizes[] = { 1, 30, 500, 7000, 9000, 100000, 1500000, 3000000,
					3000001, 40000000 };
	struct hm_profile_counts n;
	void *p;

	must(hak_profile_start(1) == 0);
	n = sum();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			try_resize(&n, sizes[i], sizes[k]);
	}
	p = hak_malloc(3000000);
	must_count(&n, p);
	if (hak_expand(p, 30000000) != NULL)
		must(sum().live == 1 && sum().live_bytes == hak_usable_size(p));
	hak_free(p);
	must(sum().live == 0 && sum().live_bytes == 0);
	must(hak_profile_stop() == 0);
}
END_TEST

START_TEST(on_and_off)
{
	struct hm_profile_counts n;
	void *a, *b, *c, *old = hak_malloc(50);

	must(hm_profile_get_state().begun == false && hak_profile_dump(1) == EINVAL);
	must(hak_option_set("profile_rate", "0") == EINVAL);
	must(hak_option_set("profile_rate", "1") == 0 && hak_option_set("profile", "yes") == 0);
	must(hm_profile_is_on() && hm_profile_get_state().rate == 1);
	n = sum();
	hak_free(old);
	must(sum().live == 0);
	a = hak_malloc(50);
	must_count(&n, a);
	must(is_sampled(a));
	must(hak_option_set("profile", "no") == 0 && !hm_profile_is_on());
	b = hak_malloc(50);
	must(!is_sampled(b) && sum().all == n.all);
	free_counted(&n, a);
	/* A new one knows nothing of blocks of the last. */
	must(hak_profile_start(1) == 0);
	n = sum();
	a = hak_malloc(50);
	must_count(&n, a);
	must(hak_profile_start(2) == 0 && sum().all == 0 && sum().live == 0);
	hak_free(a);
	must(sum().live == 0 && sum().live_bytes == 0);
	must(hak_profile_start(0) == 0 && hm_profile_get_state().rate == 1);
	n = sum();
	c = hak_malloc(3000000);
	must_count(&n, c);
	must(hak_profile_start(1) == 0);
	hak_free(c);
	hak_free(b);
	must(sum().live == 0 && sum().all == 0);
	must(hak_profile_stop() == 0);
}
END_TEST

#define OTHERS 4
#define EACH 3000

static void *allocate_some(void *arg)
{
	void **blocks = arg;

	for (unsigned i = 0; i < EACH; i++)
		blocks[i] = hak_malloc(i % 500);
	return NULL;
}

static void *free_some(void *arg)
{
	void **blocks = arg;

	for (unsigned i = 0; i < EACH; i++)
		hak_free(blocks[i]);
	return NULL;
}

static void in_threads(void *(*f)(void *), void *blocks[OTHERS][EACH])
{
	pthread_t ids[OTHERS];

	for (unsigned i = 0; i < OTHERS; i++)
		must(pthread_create(&ids[i], NULL, f, blocks[i]) == 0);
	for (unsigned i = 0; i < OTHERS; i++)
		must(pthread_join(ids[i], NULL) == 0);
}

START_TEST(other_threads)
{
	static void *blocks[OTHERS][EACH];

	must(hak_profile_start(1) == 0);
	in_threads(allocate_some, blocks);
	must_say(sum().live == OTHERS * EACH, "%" PRIu64 " live", sum().live);
	in_threads(free_some, blocks);
	must(sum().live == 0 && sum().live_bytes == 0 && sum().all == OTHERS * EACH);
	must(hak_profile_stop() == 0);
}
END_TEST

static _Atomic bool over;

static void *churn(void *arg)
{
	uint64_t state = (uintptr_t)arg;
	void *held[64] = { NULL };

	while (!hm_load_relaxed(&over)) {
		unsigned k = (unsigned)support_below(&state, 64);

		hak_free(held[k]);
		held[k] = hak_malloc(support_below(&state, k == 0 ? 3000000 : 3000));
	}
	for (unsigned k = 0; k < 64; k++)
		hak_free(held[k]);
	return NULL;
}

/* Begun, stopped and read while threads allocate: what is freed in the end is known as freed. */
START_TEST(switched_meanwhile)
{
	pthread_t ids[OTHERS];
	int null = open("/dev/null", O_WRONLY);

	hm_store_relaxed(&over, false);
	for (uintptr_t i = 0; i < OTHERS; i++)
		must(pthread_create(&ids[i], NULL, churn, (void *)(i + 1)) == 0);
	for (unsigned i = 0; i < 60; i++) {
		must(hak_profile_start(i % 2 == 0 ? 1 : 10000) == 0);
		usleep(1000);
		must(hak_profile_dump(null) == 0);
		if (i % 3 == 0)
			must(hak_profile_stop() == 0);
		usleep(1000);
	}
	hm_store_relaxed(&over, true);
	for (unsigned i = 0; i < OTHERS; i++)
		must(pthread_join(ids[i], NULL) == 0);
	must_say(sum().live == 0 && sum().live_bytes == 0, "%" PRIu64 " live", sum().live);
	must(hm_profile_get_state().dropped == 0);
	must(hak_profile_stop() == 0);
	close(null);
}
END_TEST

/* The text's lines: what they estimate, as pprof does. */
struct estimate {
	double live, all;
	uint64_t samples;
};

static double scaled(double count, double bytes, double rate)
{
	double x = bytes / count / rate, e = 1;

	if (count == 0)
		return 0;
	/* e^-x, by halves. */
	for (double t = 1, i = 1; i < 40; i++) {
		t *= -x / 1024 / i;
		e += t;
	}
	for (unsigned i = 0; i < 10; i++)
		e *= e;
	return bytes / (1 - e);
}

static struct estimate read_text(double rate)
{
	struct estimate sum_ = { 0 };
	FILE *f = tmpfile();
	char line[4096];
	double n, b, an, ab;

	must(f != NULL && hak_profile_dump(fileno(f)) == 0);
	rewind(f);
	must(fgets(line, sizeof line, f) != NULL && strncmp(line, "heap profile: ", 14) == 0);
	while (fgets(line, sizeof line, f) != NULL && strcmp(line, "MAPPED_LIBRARIES:\n") != 0) {
		if (sscanf(line, "%lf: %lf [%lf: %lf] @", &n, &b, &an, &ab) != 4)
			continue;
		sum_.live += scaled(n, b, rate);
		sum_.all += scaled(an, ab, rate);
		sum_.samples += (uint64_t)an;
	}
	fclose(f);
	return sum_;
}

static void must_be_near(double got, double truth, const char *what)
{
	must_say(got > truth * 0.95 && got < truth * 1.05, "%s: %.0f of %.0f", what, got, truth);
}

#define BLOCKS 200000

/* 5 % are five standard deviations with 10 000 samples, and six and more with these. */
START_TEST(estimates)
{
	static void *blocks[BLOCKS];
	uint64_t state = support_seed;
	size_t all = 0, live = 0;
	struct estimate e;

	must(hak_profile_start(8192) == 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		size_t n = support_below(&state, i % 100 == 0 ? 100000 : 1000);

		blocks[i] = i % 2 == 0 ? hak_malloc(n) : hak_calloc(1, n);
		all += hak_usable_size(blocks[i]);
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (support_below(&state, 5) < 2) {
			hak_free(blocks[i]);
			blocks[i] = NULL;
		} else {
			live += hak_usable_size(blocks[i]);
		}
	}
	must(hak_profile_stop() == 0);
	e = read_text(8192);
	must_say(e.samples >= 10000, "%" PRIu64 " samples", e.samples);
	must_be_near(e.all, (double)all, "all");
	must_be_near(e.live, (double)live, "live");
	for (unsigned i = 0; i < BLOCKS; i++)
		hak_free(blocks[i]);
	e = read_text(8192);
	must(e.live == 0);
	must_be_near(e.all, (double)all, "all, in the end");
}
END_TEST

static void in_child(void)
{
	struct hm_profile_counts n = sum();
	void *p = hak_malloc(77);

	must_count(&n, p);
	free_counted(&n, p);
	must(hak_profile_start(1) == 0 && sum().all == 0);
}

START_TEST(forked)
{
	struct hm_profile_counts n;
	pthread_t id;
	void *p;
	int status;

	must(hak_profile_start(1) == 0);
	hm_store_relaxed(&over, false);
	must(pthread_create(&id, NULL, churn, (void *)9) == 0);
	for (unsigned i = 0; i < 30; i++) {
		pid_t child = fork();

		if (child == 0) {
			in_child();
			_exit(0);
		}
		must(waitpid(child, &status, 0) == child && status == 0);
	}
	hm_store_relaxed(&over, true);
	must(pthread_join(id, NULL) == 0);
	n = sum();
	must(n.live == 0);
	p = hak_malloc(77);
	must_count(&n, p);
	hak_free(p);
	must(hak_profile_stop() == 0);
}
END_TEST

static bool refuse(const char *call)
{
	return strcmp(call, "mmap") == 0;
}

/* No memory for what is known of a sample: the block is there, and it is counted as dropped. */
START_TEST(refused)
{
	enum { MANY = 40000 };
	static void *blocks[MANY];
	uint64_t dropped;

	for (unsigned i = 0; i < MANY; i++)
		blocks[i] = hak_malloc(16);
	must(hak_profile_start(1) == 0);
	for (unsigned i = 0; i < MANY; i++)
		hak_free(blocks[i]);
	hm_os_fail_hook = refuse;
	for (unsigned i = 0; i < MANY; i++)
		must((blocks[i] = hak_malloc(16)) != NULL);
	hm_os_fail_hook = NULL;
	dropped = hm_profile_get_state().dropped;
	must_say(dropped > 0 && sum().all + dropped == MANY,
		 "%" PRIu64 " dropped, %" PRIu64 " counted", dropped, sum().all);
	for (unsigned i = 0; i < MANY; i++)
		hak_free(blocks[i]);
	must(sum().live == 0 && sum().live_bytes == 0);
	must(hak_profile_stop() == 0);
}
END_TEST

/* What the statistics call live does not change by sampling. */
START_TEST(statistics_agree)
{
	static struct hm_stats before, after;
	void *blocks[100];
	size_t bytes = 0;

	must(hak_profile_start(1000) == 0);
	hm_stats_collect(&before);
	for (unsigned i = 0; i < 100; i++) {
		blocks[i] = hak_malloc(10 * i);
		bytes += hak_usable_size(blocks[i]);
	}
	hm_stats_collect(&after);
	must_say(after.live_bytes - before.live_bytes == bytes, "%zu, not %zu",
		 after.live_bytes - before.live_bytes, bytes);
	for (unsigned i = 0; i < 100; i++)
		hak_free(blocks[i]);
	hm_stats_collect(&after);
	must(after.live_bytes == before.live_bytes);
	must(hak_profile_stop() == 0);
}
END_TEST

/* By frame pointers: what is no frame ends the list. */
START_TEST(frames)
{
	struct hm_profile_counts n;
	void *p;

	must(hak_option_set("profile_stacks", "frames") == 0);
	must(hak_profile_start(1) == 0);
	must(hm_profile_get_state().way == HM_STACK_FRAMES);
	n = sum();
	p = hak_malloc(100);
	must_count(&n, p);
	free_counted(&n, p);
	must(hak_option_set("profile_stacks", "auto") == 0);
	must(hak_profile_stop() == 0);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { each_block, resized, on_and_off, other_threads,
				 switched_meanwhile, estimates, statistics_agree, forked,
				 refused, frames };

	return SUPPORT_RUN("profile", tests);
}
