/*
 * test_many.c - a million live blocks, and 16 GiB of address space in use:
 * nothing is of fixed size, nothing untouched costs memory (lessons.md, L13).
 */
#include "base/base.h"

#include "os/os.h"

#include "stress.h"

#include <check.h>
#include <sys/mman.h>

#define MIB ((size_t)1 << 20)

static size_t mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	size_t n = 0;
	int c;

	while (f != NULL && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

static void nothing_lost(void)
{
	struct walk w;

	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad + w.lost, 0);
}

START_TEST(million_blocks)
{
	size_t n = stress_size(1000000, 200000), bytes = 0, before = resident();
	struct item *all = calloc(n, sizeof *all);
	struct rng r = { stress_seed("million_blocks") };

	guard_against_hang();
	for (uint32_t i = 0; i < n; i++) {
		NEED(item_make(&all[i], rng_size(&r, 512), 1, i));
		bytes += all[i].n;
	}
	printf("million_blocks: %zu blocks, %zu MiB, %zu superslabs, %zu MiB resident\n", n,
	       bytes / MIB, superslabs(), (resident() - before) / MIB);
	fflush(stdout);
	ck_assert_uint_eq(walk_all(false).bad, 0);
	ck_assert_uint_le(superslabs() * HM_SUPERSLAB_SIZE, 2 * bytes + 16 * n + 32 * MIB);
	/* Every other one, then the rest from the end. */
	for (size_t i = 0; i < n; i += 2)
		item_drop(&all[i]);
	for (size_t i = n; i-- > 0;)
		item_drop(&all[i]);
	free(all);
	nothing_lost();
}
END_TEST

/* Blocks of one size until `total` bytes are handed out, all different, none touched. */
static void spread(const char *what, size_t size, size_t total, size_t rss_bound)
{
	size_t n = total / size, before = resident(), maps = mappings(), grown;
	char **p = calloc(n, sizeof *p);

	guard_against_hang();
	for (size_t i = 0; i < n; i++) {
		p[i] = hak_malloc(size);
		NEED(p[i] != NULL);
		NEED(hak_usable_size(p[i]) >= size);
	}
	grown = resident() - before;
	printf("%s: %zu blocks, %zu superslabs, %zu mappings, %zu MiB resident\n", what, n,
	       superslabs(), mappings() - maps, grown / MIB);
	fflush(stdout);
	if (!HM_SANITIZE) {
		ck_assert_uint_le(grown, rss_bound);
		ck_assert_uint_le(mappings() - maps, n + 16);
	}
	for (size_t i = 0; i < n; i += 97) {
		p[i][0] = (char)i;
		p[i][size - 1] = (char)(i + 1);
	}
	for (size_t i = 0; i < n; i += 97)
		NEED(p[i][0] == (char)i && p[i][size - 1] == (char)(i + 1));
	for (size_t i = 0; i < n; i++)
		hak_free(p[i]);
	free(p);
	nothing_lost();
}

START_TEST(address_space_large)
{
	size_t total = stress_size(16, 4) << 30;

	spread("64 MiB blocks", 64 * MIB, total, 8 * MIB);
	spread("3 MiB blocks", 3 * MIB, total, total / 3 / MIB * 8192 + 16 * MIB);
}
END_TEST

START_TEST(address_space_spans)
{
	size_t total = stress_size(16, 4) << 30;

	/* Of full guards the canary lies in the block's last page. */
	spread("1 MiB blocks", MIB, total,
	       total / MIB * (HM_GUARDS == 2 ? 12288 : 8192) + 16 * MIB);
}
END_TEST

/* Enough of them that huge pages would be asked for; the first byte costs a page each. */
START_TEST(touched_a_little)
{
	enum { BLOCKS = 500 };
	static char *p[BLOCKS];
	size_t before = resident(), grown;

	for (unsigned i = 0; i < BLOCKS; i++) {
		p[i] = hak_malloc(MIB);
		NEED(p[i] != NULL);
		p[i][0] = 1;
	}
	grown = resident() - before;
	printf("touched_a_little: %zu KiB resident\n", grown / 1024);
	fflush(stdout);
	if (!HM_SANITIZE)
		ck_assert_uint_le(grown, BLOCKS * (HM_GUARDS == 2 ? 12288 : 8192) + 4 * MIB);
	for (unsigned i = 0; i < BLOCKS; i++)
		hak_free(p[i]);
	nothing_lost();
}
END_TEST

/* A zone is 4 GiB, a root entry 32: blocks of many of them. */
START_TEST(far_apart)
{
	enum { PLACES = 12 };
	size_t gap = sizeof(void *) > 4 ? (size_t)9 << (sizeof(size_t) * 4 - 2) : 64 * MIB;
	char *blocks[PLACES];

	for (unsigned i = 0; i < PLACES; i++) {
		uintptr_t below;

		blocks[i] = hak_malloc(5 * MIB);
		ck_assert_ptr_nonnull(blocks[i]);
		memset(blocks[i], (int)i, 5 * MIB);
		below = ((uintptr_t)blocks[i] & ~(uintptr_t)(2 * MIB - 1)) - gap;
		/* What follows must go elsewhere. */
		ck_assert(mmap((void *)below, gap, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED);
	}
	for (unsigned i = 0; i < PLACES; i++) {
		ck_assert(blocks[i][0] == (char)i && blocks[i][5 * MIB - 1] == (char)i);
		blocks[i] = hak_realloc(blocks[i], 50 * MIB);
		ck_assert(blocks[i] != NULL && blocks[i][5 * MIB - 1] == (char)i);
	}
	for (unsigned i = 0; i < PLACES; i++)
		hak_free(blocks[i]);
	nothing_lost();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("many");
	TCase *t = tcase_create("stress");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_test(t, million_blocks);
	tcase_add_test(t, address_space_large);
	tcase_add_test(t, address_space_spans);
	tcase_add_test(t, touched_a_little);
	tcase_add_test(t, far_apart);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
