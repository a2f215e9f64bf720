/*
 * test_print.c - text building: against snprintf, and cut at every length.
 *
 * owns: nothing.
 * called from: make check.
 */
#include "base/base.h"
#include "os/print.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed;

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void compare_number(uint64_t v, unsigned width)
{
	char got[128], want[128];
	struct hm_text t;

	hm_text_init(&t, got, sizeof(got));
	hm_text_dec(&t, v);
	hm_text_char(&t, '|');
	hm_text_dec_pad(&t, v, width);
	hm_text_char(&t, '|');
	hm_text_hex(&t, v);
	snprintf(want, sizeof(want), "%" PRIu64 "|%*" PRIu64 "|0x%" PRIx64, v, (int)width, v, v);
	ck_assert_str_eq(got, want);
	ck_assert_uint_eq(t.len, strlen(want));
}

START_TEST(numbers)
{
	uint64_t state = seed;

	for (unsigned bit = 0; bit < 64; bit++) {
		for (int d = -1; d <= 1; d++)
			compare_number(((uint64_t)1 << bit) + (uint64_t)d, bit);
	}
	for (uint64_t v = 1; v <= UINT64_MAX / 10; v *= 10) {
		compare_number(v, 12);
		compare_number(v - 1, 12);
	}
	for (int i = 0; i < 100000; i++) {
		uint64_t v = next_random(&state);

		compare_number(v >> (v & 63), (unsigned)(v >> 6 & 31));
	}
}
END_TEST

static void build(struct hm_text *t)
{
	hm_text_str(t, "abc");
	hm_text_dec(t, 1234567890);
	hm_text_hex(t, 0xdeadbeef);
	hm_text_bytes(t, "xyz123", 3);
	hm_text_dec_pad(t, 42, 6);
	hm_text_char(t, '.');
}

START_TEST(cut_at_every_length)
{
	static const char whole[] = "abc12345678900xdeadbeefxyz    42.";

	for (size_t cap = 1; cap <= sizeof(whole) + 2; cap++) {
		size_t want = cap - 1 < sizeof(whole) - 1 ? cap - 1 : sizeof(whole) - 1;
		struct hm_text t;
		char buf[64];

		memset(buf, '#', sizeof(buf));
		hm_text_init(&t, buf, cap);
		build(&t);
		ck_assert_uint_eq(t.len, want);
		ck_assert(memcmp(buf, whole, want) == 0);
		ck_assert_int_eq(buf[want], '\0');
		for (size_t i = cap; i < sizeof(buf); i++)
			ck_assert_int_eq(buf[i], '#');
	}
}
END_TEST

START_TEST(no_room_at_all)
{
	char c = '#';
	struct hm_text t;

	hm_text_init(&t, &c, 0);
	build(&t);
	ck_assert_int_eq(c, '#');
	ck_assert_uint_eq(t.len, 0);
}
END_TEST

START_TEST(bytes_may_be_zero)
{
	struct hm_text t;
	char buf[8];

	errno = 12345;
	hm_text_init(&t, buf, sizeof(buf));
	ck_assert_str_eq(buf, "");
	hm_text_str(&t, "");
	hm_text_bytes(&t, "a\0b", 3);
	ck_assert_uint_eq(t.len, 3);
	ck_assert(memcmp(buf, "a\0b", 4) == 0);
	ck_assert_int_eq(errno, 12345);
}
END_TEST

int main(void)
{
	const char *given = getenv("HM_TEST_SEED");
	Suite *s = suite_create("print");
	TCase *t = tcase_create("print");
	SRunner *r = srunner_create(s);
	int failed;

	seed = (uint64_t)time(NULL) ^ (uint64_t)getpid();
	if (given != NULL)
		seed = (uint64_t)strtoull(given, NULL, 0);
	printf("test_print: HM_TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, numbers);
	tcase_add_test(t, cut_at_every_length);
	tcase_add_test(t, no_room_at_all);
	tcase_add_test(t, bytes_may_be_zero);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
