/*
 * test_first_operation.c - whatever a process or a thread asks of the allocator first works
 * (lessons.md, L9): each operation, then small sizes, in a new program each time: before the
 * library's constructor, in main, in a new thread.
 */
#include "support.h"

#include "hakmem.h"

#include "heap/thread.h"
#include "policy/options.h"

#include "death.h"

#include <errno.h>

static const char *const operations[] = {
	"malloc", "malloc0", "calloc", "realloc", "realloc0", "reallocarray", "memalign",
	"aligned_alloc", "posix_memalign", "valloc", "free_null", "free_sized_null", "usable_null",
	"usable_foreign", "expand_null", "good_size", "purge", "large", "stats",
};
static const char *const sizes[] = { "8", "16", "mixed" };
static const char *const places[] = { "preinit", "constructor", "main", "thread" };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int foreign;

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool fill_and_free(void *p, size_t n)
{
	if (p == NULL || (uintptr_t)p % HM_ALIGN != 0 || hak_usable_size(p) < n)
		return false;
	memset(p, 0x31, n);
	hak_free(p);
	return true;
}

/* Operations that give no block. */
static bool do_other(const char *op)
{
	if (is(op, "free_null"))
		hak_free(NULL);
	else if (is(op, "free_sized_null"))
		hak_free_sized(NULL, 8);
	else if (is(op, "usable_null"))
		return hak_usable_size(NULL) == 0;
	else if (is(op, "usable_foreign"))
		return hak_usable_size(&foreign) == 0;
	else if (is(op, "expand_null"))
		return hak_expand(NULL, 8) == NULL;
	else if (is(op, "good_size"))
		return hak_good_size(100) >= 100;
	else if (is(op, "purge"))
		hak_purge();
	else if (is(op, "stats"))
		hak_stats_print(STDOUT_FILENO);
	else if (is(op, "free_foreign"))
		hak_free(&foreign);
	else
		return false;
	return true;
}

static bool do_first(const char *op)
{
	void *p = NULL;

	if (is(op, "malloc"))
		return fill_and_free(hak_malloc(100), 100);
	if (is(op, "malloc0"))
		return fill_and_free(hak_malloc(0), 0);
	if (is(op, "calloc"))
		return fill_and_free(hak_calloc(3, 33), 99);
	if (is(op, "realloc"))
		return fill_and_free(hak_realloc(NULL, 100), 100);
	if (is(op, "realloc0"))
		return fill_and_free(hak_realloc(NULL, 0), 0);
	if (is(op, "reallocarray"))
		return fill_and_free(hak_reallocarray(NULL, 3, 33), 99);
	if (is(op, "memalign"))
		return fill_and_free(hak_memalign(256, 100), 100);
	if (is(op, "aligned_alloc"))
		return fill_and_free(hak_aligned_alloc(32, 20000), 20000);
	if (is(op, "posix_memalign"))
		return hak_posix_memalign(&p, 4096, 100) == 0 && fill_and_free(p, 100);
	if (is(op, "valloc"))
		return fill_and_free(hak_valloc(100), 100);
	if (is(op, "large"))
		return fill_and_free(hak_malloc((size_t)5 << 20), (size_t)5 << 20);
	return do_other(op);
}

static size_t size_of(const char *what, unsigned i)
{
	if (is(what, "mixed"))
		return i % 50 == 0 ? 40000 + i : i * 37 % 9000;
	return (size_t)strtoul(what, NULL, 10);
}

/* Many of the sizes, all alive at once, each with its own contents. */
static bool do_then(const char *what)
{
	static unsigned char *p[2000];

	for (unsigned i = 0; i < COUNT(p); i++) {
		size_t n = size_of(what, i);

		p[i] = i % 3 == 0 ? hak_calloc(1, n) : hak_malloc(n);
		if (p[i] == NULL)
			return false;
		memset(p[i], (int)(i % 251), n);
	}
	for (unsigned i = 0; i < COUNT(p); i++) {
		size_t n = size_of(what, i);

		if (n > 0 && (p[i][0] != i % 251 || p[i][n - 1] != i % 251))
			return false;
		hak_free(p[i]);
	}
	return true;
}

static struct order {
	const char *op, *then, *where;
	bool done;
} order;

static void carry_out(const char *where)
{
	/* A compiler may run constructors itself: it does not know that one came before. */
	struct order *o = support_raw(&order);

	if (o->where == NULL || !is(o->where, where))
		return;
	o->done = do_first(o->op) && do_then(o->then);
}

static void *carry_out_in_thread(void *arg)
{
	carry_out(arg);
	return NULL;
}

/* Before any constructor: the loader runs this first of all in a program. */
static void before_all(int argc, char **argv, char **env)
{
	(void)env;
	if (argc != 4)
		return;
	order.op = argv[1];
	order.then = argv[2];
	order.where = argv[3];
	/* The sanitizers are not ready here. */
	if (HM_SANITIZE && is(order.where, "preinit"))
		order.where = "main";
	carry_out("preinit");
}

__attribute__((section(".preinit_array"), used)) static void (*const hook)(int, char **,
									    char **) = before_all;

__attribute__((constructor)) static void at_start(void)
{
	carry_out("constructor");
}

/* The program that was started for one order. */
static int obey(void)
{
	pthread_t t;

	carry_out("main");
	if (is(order.where, "thread")) {
		if (pthread_create(&t, NULL, carry_out_in_thread, (void *)(uintptr_t)"thread") != 0)
			return 2;
		pthread_join(t, NULL);
	}
	return order.done ? 0 : 1;
}

/* ---- The tests ---- */

static void start_program(void *arg)
{
	const char *const *a = arg;

	if (!freopen("/dev/null", "w", stdout))
		_exit(3);
	execl("/proc/self/exe", "test_first_operation", a[0], a[1], a[2], (char *)NULL);
	_exit(4);
}

START_TEST(every_first_operation)
{
	unsigned every = support_times(1, 5), turn = 0;

	for (size_t w = 0; w < COUNT(places); w++) {
		for (size_t o = 0; o < COUNT(operations); o++) {
			for (size_t s = 0; s < COUNT(sizes); s++) {
				const char *a[] = { operations[o], sizes[s], places[w] };
				char text[512];
				int status;

				if (turn++ % every != 0)
					continue;
				status = support_in_child(start_program, a, text, sizeof text);
				must_say(status == 0 && text[0] == '\0',
					 "%s, %s, in %s: status %#x, said: %s", a[0], a[1], a[2],
					 (unsigned)status, text);
			}
		}
	}
}
END_TEST

/* Of a foreign pointer: one line and the end, and not a fault. */
START_TEST(free_of_foreign_first)
{
	for (size_t w = 0; w < COUNT(places); w++) {
		const char *a[] = { "free_foreign", "8", places[w] };
		char text[512];

		ck_assert(death_of(start_program, a, text, sizeof text));
		ck_assert_msg(death_said(text, "hakmem: free(): pointer that is not from", "=0x"),
			      "in %s: %s", places[w], text);
	}
}
END_TEST

/* ---- The constructor is in the program, also when it was linked from an archive ---- */

static void *one_block(void *arg)
{
	(void)arg;
	hak_free(hak_malloc(8));
	return NULL;
}

START_TEST(exits_are_noticed)
{
	unsigned before;

	one_block(NULL);
	before = hm_heaps_in_use();
	ck_assert_uint_eq(before, 1);
	for (int i = 0; i < 20; i++)
		support_in_thread(one_block, NULL);
	ck_assert_uint_eq(hm_heaps_in_use(), before);
}
END_TEST

static void check_options(void *arg)
{
	(void)arg;
	setenv("HAKMEM_DIRTY_MAX", "77", 1);
	execl("/proc/self/exe", "test_first_operation", "--options", (char *)NULL);
	_exit(4);
}

START_TEST(environment_is_read)
{
	support_must_be_silent(check_options, NULL);
}
END_TEST

/* In a child that has a heap, and in one that has none, one heap is in use after a malloc. */
static void count_heaps(void *arg)
{
	(void)arg;
	one_block(NULL);
	if (hm_heaps_in_use() != 1)
		_exit(1);
}

START_TEST(heaps_are_counted_in_a_child)
{
	support_must_be_silent(count_heaps, NULL);
	one_block(NULL);
	support_must_be_silent(count_heaps, NULL);
}
END_TEST

START_TEST(errno_is_kept)
{
	errno = 12345;
	hak_free(NULL);
	one_block(NULL);
	hak_free(hak_malloc((size_t)3 << 20));
	ck_assert_int_eq(errno, 12345);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = { every_first_operation, free_of_foreign_first, exits_are_noticed,
				 environment_is_read, heaps_are_counted_in_a_child, errno_is_kept };

	if (argc == 4)
		return obey();
	if (argc == 2 && is(argv[1], "--options"))
		return hm_options.dirty_max == 77 ? 0 : 1;
	return SUPPORT_RUN("first_operation", tests);
}
