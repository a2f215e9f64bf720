/*
 * test_print.c - text building: against snprintf, and cut at every length.
 *
 * owns: nothing.
 * called from: make check.
 */
#include "base/base.h"
#include "os/print.h"

#include "suite.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
	uint64_t state = support_seed;

	for (unsigned bit = 0; bit < 64; bit++) {
		for (int d = -1; d <= 1; d++)
			compare_number(((uint64_t)1 << bit) + (uint64_t)d, bit);
	}
	for (uint64_t v = 1; v <= UINT64_MAX / 10; v *= 10) {
		compare_number(v, 12);
		compare_number(v - 1, 12);
	}
	for (int i = 0; i < 100000; i++) {
		uint64_t v = support_random(&state);

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
	const TTest *tests[] = {
		numbers, cut_at_every_length, no_room_at_all, bytes_may_be_zero,
	};

	return SUPPORT_RUN("print", tests);
}
