/*
 * support.h - what the unit tests of the slab, pool and heap floors share: seeds, loops
 * that a fast run shortens, cheap assertions, children whose end and output are looked at.
 */
#ifndef HM_TESTS_SUPPORT_H
#define HM_TESTS_SUPPORT_H

#include "base/base.h"

#include "base/assert.h"
#include "base/bits.h"
#include "heap/heap.h"
#include "slab/remote.h"
#include "slab/slab.h"
#include "death.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ck_assert writes a mark at each call; this one costs nothing while it holds. */
#define must(cond)                                                                                 \
	do {                                                                                       \
		if (hm_unlikely(!(cond)))                                                          \
			ck_abort_msg("not so: %s", #cond);                                         \
	} while (0)

/* The same with figures. */
#define must_say(cond, ...)                                                                        \
	do {                                                                                       \
		if (hm_unlikely(!(cond)))                                                          \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

static inline void support_shuffle(void **a, size_t n, uint64_t *state)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = support_below(state, i);
		void *t = a[k];

		a[k] = a[i - 1];
		a[i - 1] = t;
	}
}

static inline int support_compare(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

static inline void support_sort(void **a, size_t n)
{
	qsort(a, n, sizeof a[0], support_compare);
}

/* Loop counts: HM_TEST_FAST=1 and sanitizers take the second. */
static inline unsigned support_times(unsigned full, unsigned fast)
{
	const char *v = getenv("HM_TEST_FAST");

	return HM_SANITIZE || (v != NULL && strcmp(v, "1") == 0) ? fast : full;
}

static const unsigned support_threads[] __attribute__((unused)) = { 1, 2, 4, 8 };
#define SUPPORT_THREAD_COUNTS (sizeof(support_threads) / sizeof(support_threads[0]))

/* Starts n threads on f, each with its number as argument, and waits for them. */
static inline void support_run_threads(unsigned n, void *(*f)(void *))
{
	pthread_t t[64];

	must(n <= 64);
	for (uintptr_t i = 0; i < n; i++)
		must(pthread_create(&t[i], NULL, f, (void *)i) == 0);
	for (unsigned i = 0; i < n; i++)
		must(pthread_join(t[i], NULL) == 0);
}

/* One thread that does f(arg) and exits. */
static inline void support_in_thread(void *(*f)(void *), void *arg)
{
	pthread_t t;

	must(pthread_create(&t, NULL, f, arg) == 0);
	must(pthread_join(t, NULL) == 0);
}

/*
 * Has the class any size? With full guards and a header byte the smallest may have none: its
 * blocks have no room for link and canary.
 */
static inline bool support_class_in_use(unsigned cls)
{
	if (cls >= HM_TINY_CLASSES + HM_MEDIUM_CLASSES)
		return true;
	return hm_class_of(hm_class_usable(cls)) == cls;
}

/* A block of the class, through the heap; the last two classes serve alignments only. */
static inline void *support_alloc(unsigned cls)
{
	size_t n = hm_class_usable(cls);
	bool aligned = cls >= HM_TINY_CLASSES + HM_MEDIUM_CLASSES;
	void *p = aligned ? hm_heap_memalign(HM_SLAB_SIZE, n) : hm_heap_malloc(n);

	must(p != NULL);
	return p;
}

/* From now on the calling thread keeps freed blocks of all classes, not only of those in demand. */
static inline void support_keep_freed(void)
{
	hm_heap_free(hm_heap_malloc(1));
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		hm_tls_heap->bins[cls].budget = hm_classes[cls].budget;
		hm_tls_heap->sll[cls].budget = hm_classes[cls].budget - 1;
	}
}

/* The same address, of whose object the compiler knows nothing: for looks at what is beside it. */
static inline void *support_raw(const void *p)
{
	__asm__("" : "+r"(p));
	return (void *)(uintptr_t)p;
}

/* Metadata of the span that the live block p is in. */
static inline struct hm_slab *support_slab_of(const void *p)
{
	return hm_slab_head(hm_slab_at(p));
}

/* First block of the slab's remote list, decoded as remote.h says. */
static inline struct hm_base support_remote_list(struct hm_slab *s)
{
	struct hm_remote *r = hm_remote_of(s);
	uint32_t units = hm_load_acquire(&r->word) & HM_REMOTE_LIST_MASK;
	struct hm_user u = { r->start + (size_t)(units - 1) * HM_ALIGN };

	return units == 0 ? (struct hm_base){ NULL } : hm_to_base(u, hm_class_is_tiny(s->cls));
}

static jmp_buf support_died;
static char support_last_words[512];

static inline void support_catch(const char *text, size_t len)
{
	if (len >= sizeof support_last_words)
		len = sizeof support_last_words - 1;
	memcpy(support_last_words, text, len);
	support_last_words[len] = '\0';
	longjmp(support_died, 1);
}

/* Does f(arg) end in hm_die? For what takes no lock first; the words are kept. */
static inline bool support_dies(void (*f)(void *), void *arg)
{
	hm_die_hook = support_catch;
	if (setjmp(support_died) != 0) {
		hm_die_hook = NULL;
		return true;
	}
	f(arg);
	hm_die_hook = NULL;
	return false;
}

/* Runs f(arg) in a child and collects its stderr. The wait status; 0 is a plain return. */
static inline int support_in_child(void (*f)(void *), void *arg, char *text, size_t cap)
{
	int ends[2], status = -1;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	must(pipe(ends) == 0);
	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		f(arg);
		_exit(0);
	}
	close(ends[1]);
	while (len + 1 < cap && (n = read(ends[0], text + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	(void)death_own_words(text, len);
	close(ends[0]);
	must(waitpid(pid, &status, 0) == pid);
	return status;
}

/* f(arg) must return, and print nothing. */
static inline void support_must_be_silent(void (*f)(void *), void *arg)
{
	char text[1024];
	int status = support_in_child(f, arg, text, sizeof text);

	must_say(status == 0 && text[0] == '\0', "status %#x, said: %s", (unsigned)status, text);
}

#endif
