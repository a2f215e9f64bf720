/*
 * lines.c - counts what threads make each other wait for: the run-time of a build of the library
 * that tells of every access.
 *
 * owns: the table of cache lines, the counts of each thread, the names of tsan's run-time.
 * called from: the library's own code, compiled with -fsanitize=thread and linked with this file
 * instead of libtsan, into the preload library counted.so. This file is compiled without the flag.
 *
 * Each thread has a cache of its own, without end, and lines are shared as in the MESI protocol:
 * a read of a line that another thread wrote since the reader had it is one transfer, and so is a
 * write to a line that any other thread has. This does not depend on how many cores there are,
 * except through the order of things: a thread yields after some 32 accesses, so that as many
 * threads as there are take turns as on as many cores. A thread that comes when another one
 * has ended takes over its cache, as on its core.
 *
 * Only the library is watched, not the program that uses the blocks, and not what is inside of
 * memcpy, memset and system calls. A thread's own stack and thread-local data are left out.
 * A lock is known by the memory order of its compare-and-swap, which no other word has: acquire,
 * and relaxed when it fails (os/lock.h). Calls of malloc and free are known by the address from
 * which they say that they begin.
 *
 * At exit one JSON object goes to the file that HM_COUNT_FILE names, or to stderr.
 */
#include "base/base.h"

#include "space/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lines.h"

enum { SLOTS = 256, YIELD_EVERY = 32, ZONES = 16, LINE_SHIFT = 6, TOP = 16 };
#define LINES ((size_t)1 << 21)
#define NEAR 8192 /* bytes of stack that calls inside the library take, with a margin */

/* Whose memory a line is; what is told apart only so far as it helps to find the cause. */
enum kind { BLOCKS, SLABS, REMOTES, RECORDS, DATA, OTHER, KINDS };
static const char *const kind_names[KINDS] = { "blocks",  "slabs", "remotes",
					       "records", "data",  "other" };

/* What each thread counts by itself. */
struct slot {
	_Alignas(128) _Atomic int tid; /* 0: free */
	uint16_t mark;        /* its number, from 1 */
	uint32_t left;        /* accesses to the next yield */
	uint64_t random;
	uint32_t rounds; /* of destructors that the thread is through */
	uint64_t mallocs, frees, accesses, rmws, locks, contended;
	uint64_t transfers[KINDS];
};

/* A line that was touched. What is not atomic is written by the one that set `busy`. */
struct line {
	_Atomic uintptr_t number; /* address >> LINE_SHIFT; 0: unused */
	_Atomic uint32_t busy;
	_Atomic uint16_t only;   /* the one thread that has it; 0: several, or nobody */
	_Atomic uint16_t writer; /* who wrote last; 0: nobody yet */
	_Atomic uint64_t has[SLOTS / 64];
	uint32_t transfers, rmws, locks;
	uint32_t contended : 31, several : 1; /* several threads wrote */
};

_Static_assert(sizeof(struct line) == 64, "a million lines are 64 MB");

static struct slot slots[SLOTS];
static struct line *lines;
static _Atomic unsigned live;      /* threads that have a slot */
static _Atomic unsigned most;      /* of them, at once */
static _Atomic uint64_t lost;      /* accesses for which there was no slot or no line */
static _Atomic(struct hm_zone *) zones[ZONES];
static pthread_key_t key;
static bool have_key;
static pid_t process;

static __thread struct slot *me __attribute__((tls_model("initial-exec")));
static __thread bool gone __attribute__((tls_model("initial-exec")));

extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));

/* --- Threads ---------------------------------------------------------------------------------- */

static hm_cold void start(void)
{
	void *p = mmap(NULL, LINES * sizeof(*lines), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		static const char text[] = "counted.so: no memory for its table\n";

		(void)!write(2, text, sizeof(text) - 1);
		_exit(99);
	}
	process = getpid();
	lines = p;
}

static void use(struct slot *s, int tid)
{
	unsigned n = atomic_fetch_add(&live, 1) + 1, seen = most;

	while (n > seen && !atomic_compare_exchange_weak(&most, &seen, n))
		;
	s->mark = (uint16_t)(s - slots + 1);
	s->rounds = 0;
	if (s->left == 0) {
		s->random = s->mark * UINT64_C(0x9e3779b97f4a7c15);
		s->left = YIELD_EVERY;
	}
	atomic_store(&s->tid, tid);
}

/* The thread's slot: what it had before the loader copied its TLS image anew, or a free one. */
static hm_cold struct slot *take_slot(void)
{
	int keep = errno, tid = (int)syscall(SYS_gettid);

	if (gone)
		return NULL;
	if (lines == NULL)
		start();
	for (int i = 0; i < SLOTS && me == NULL; i++)
		if (slots[i].tid == tid)
			me = &slots[i];
	for (int i = 0; i < SLOTS && me == NULL; i++) {
		int none = 0;

		if (!atomic_compare_exchange_strong(&slots[i].tid, &none, -1))
			continue;
		me = &slots[i];
		use(me, tid);
	}
	if (me != NULL && have_key)
		pthread_setspecific(key, me);
	if (me == NULL)
		atomic_fetch_add(&lost, 1);
	errno = keep;
	return me;
}

/* The library's own destructor works twice; what comes after it is the C library's. */
static void leave_slot(void *arg)
{
	struct slot *s = arg;

	if (++s->rounds < 3) {
		pthread_setspecific(key, s);
		return;
	}
	gone = true;
	me = NULL;
	atomic_fetch_sub(&live, 1);
	atomic_store(&s->tid, 0);
}

__attribute__((constructor)) static void begin(void)
{
	have_key = pthread_key_create(&key, leave_slot) == 0;
}

static hm_noinline void yield(struct slot *s)
{
	s->random = s->random * 6364136223846793005u + 1442695040888963407u;
	s->left = 1 + (uint32_t)(s->random >> 33) % (2 * YIELD_EVERY);
	if (atomic_load_explicit(&live, memory_order_relaxed) > 1)
		sched_yield();
}

/* --- Lines ------------------------------------------------------------------------------------ */

static void note_zone(struct hm_zone *z)
{
	for (int i = 0; i < ZONES; i++) {
		struct hm_zone *there = zones[i];

		if (there == z)
			return;
		if (there == NULL && atomic_compare_exchange_strong(&zones[i], &there, z))
			return;
	}
}

static enum kind kind_of(uintptr_t p)
{
	struct hm_zone *z = hm_zone_of((void *)p);

	if (z != NULL) {
		note_zone(z);
		if (hm_registry_get((void *)p) != HM_REG_NONE)
			return BLOCKS;
	}
	if (p >= (uintptr_t)__ehdr_start && p < (uintptr_t)_end)
		return DATA;
	for (int i = 0; i < ZONES && (z = zones[i]) != NULL; i++) {
		uintptr_t at = p - (uintptr_t)z;

		if (at < sizeof(*z))
			return at < offsetof(struct hm_zone, remotes) ? SLABS :
			       at < offsetof(struct hm_zone, units)   ? REMOTES :
									RECORDS;
	}
	return OTHER;
}

/* Neighbours stay neighbours, so that the table is as dense as what it describes. */
static size_t place_of(uintptr_t number)
{
	uint64_t group = (uint64_t)(number >> 6) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(group >> 40 << 6 | (number & 63)) & (LINES - 1);
}

static struct line *find_line(uintptr_t number)
{
	size_t at = place_of(number);

	for (unsigned i = 0; i < 4096; i++, at = (at + 1) & (LINES - 1)) {
		struct line *l = &lines[at];
		uintptr_t there = atomic_load_explicit(&l->number, memory_order_relaxed);

		if (there == number)
			return l;
		if (there == 0 && (atomic_compare_exchange_strong(&l->number, &there, number) ||
				   there == number))
			return l;
	}
	atomic_fetch_add(&lost, 1);
	return NULL;
}

static void lock_line(struct line *l)
{
	for (unsigned i = 0; atomic_exchange_explicit(&l->busy, 1, memory_order_acquire) != 0; i++)
		if (i % 64 == 63)
			sched_yield();
}

static void unlock_line(struct line *l)
{
	atomic_store_explicit(&l->busy, 0, memory_order_release);
}

static bool has(const struct line *l, unsigned mark)
{
	return (l->has[mark / 64] >> mark % 64 & 1) != 0;
}

static bool anybody_has(const struct line *l)
{
	return (l->has[0] | l->has[1] | l->has[2] | l->has[3]) != 0;
}

static void transfer(struct slot *s, struct line *l)
{
	l->transfers++;
	s->transfers[kind_of(l->number << LINE_SHIFT)]++;
}

/* The line is locked. */
static void read_line(struct slot *s, struct line *l)
{
	unsigned mark = s->mark - 1u;

	if (has(l, mark))
		return;
	if (l->writer != 0 && anybody_has(l))
		transfer(s, l);
	l->only = anybody_has(l) ? 0 : s->mark;
	l->has[mark / 64] |= UINT64_C(1) << mark % 64;
}

static void write_line(struct slot *s, struct line *l)
{
	unsigned mark = s->mark - 1u;

	if (l->only != s->mark) {
		if (anybody_has(l))
			transfer(s, l);
		for (int i = 0; i < SLOTS / 64; i++)
			l->has[i] = 0;
		l->has[mark / 64] = UINT64_C(1) << mark % 64;
		l->only = s->mark;
	}
	if (l->writer != 0 && l->writer != s->mark)
		l->several = 1;
	l->writer = s->mark;
}

/* Nothing to do, as far as can be told without the lock. */
static bool is_mine(const struct slot *s, const struct line *l, bool writes)
{
	if (atomic_load_explicit(&l->only, memory_order_relaxed) == s->mark)
		return !writes ||
		       atomic_load_explicit(&l->writer, memory_order_relaxed) == s->mark;
	return !writes && has(l, s->mark - 1u);
}

/* The thread's stack or its thread-local data; memory of a thread that ended is used again. */
static bool is_private(uintptr_t p)
{
	return p - (uintptr_t)__builtin_frame_address(0) < NEAR ||
	       p - ((uintptr_t)&me - NEAR / 2) < NEAR;
}

static struct slot *count_access(void)
{
	struct slot *s = me;

	if (hm_unlikely(s == NULL)) {
		s = take_slot();
		if (s == NULL)
			return NULL;
	}
	s->accesses++;
	if (--s->left == 0)
		yield(s);
	return s;
}

static void touch(const void *at, size_t n, bool writes)
{
	uintptr_t p = (uintptr_t)at;
	struct slot *s;

	if (n == 0 || is_private(p) || (s = count_access()) == NULL)
		return;
	for (uintptr_t i = p >> LINE_SHIFT; i <= (p + n - 1) >> LINE_SHIFT; i++) {
		struct line *l = find_line(i);

		if (l == NULL || is_mine(s, l, writes))
			continue;
		lock_line(l);
		if (writes)
			write_line(s, l);
		else
			read_line(s, l);
		unlock_line(l);
	}
}

void hm_lines_read(const void *p, size_t n)
{
	touch(p, n, false);
}

void hm_lines_write(const void *p, size_t n)
{
	touch(p, n, true);
}

/* A read-modify-write. It is counted before it is done: what it does is seen by others at once. */
void hm_lines_modify(const void *p)
{
	struct slot *s = count_access();
	struct line *l;

	if (s == NULL)
		return;
	s->rmws++;
	l = find_line((uintptr_t)p >> LINE_SHIFT);
	if (l == NULL)
		return;
	lock_line(l);
	l->rmws++;
	write_line(s, l);
	unlock_line(l);
}

void hm_lines_lock(const void *p, bool taken)
{
	struct slot *s = me;
	struct line *l = s == NULL ? NULL : find_line((uintptr_t)p >> LINE_SHIFT);

	if (l == NULL)
		return;
	lock_line(l);
	if (taken) {
		s->locks++;
		l->locks++;
	} else {
		s->contended++;
		l->contended++;
	}
	unlock_line(l);
}

/* Which function begins: `at` is an address in its first instructions. */
void hm_lines_enter(uintptr_t at)
{
	static const struct {
		void *f;
		bool frees;
	} family[] = {
		{ (void *)malloc, false }, { (void *)free, true }, { (void *)calloc, false },
		{ (void *)realloc, false }, { (void *)aligned_alloc, false },
		{ (void *)memalign, false }, { (void *)posix_memalign, false },
	};
	struct slot *s = me != NULL ? me : take_slot();

	for (size_t i = 0; s != NULL && i < sizeof(family) / sizeof(family[0]); i++)
		if (at - (uintptr_t)family[i].f < 64) {
			s->mallocs += !family[i].frees;
			s->frees += family[i].frees;
			return;
		}
}

/* --- The report ------------------------------------------------------------------------------- */

struct text {
	char bytes[8192];
	size_t n;
};

static __attribute__((format(printf, 2, 3))) void put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->bytes + t->n, sizeof(t->bytes) - t->n, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(t->bytes) - t->n)
		t->n += (size_t)n;
}

static void put_kinds(struct text *t, const char *name, const uint64_t *n)
{
	put(t, "\"%s\": {", name);
	for (int i = 0; i < KINDS; i++)
		put(t, "%s\"%s\": %llu", i > 0 ? ", " : "", kind_names[i],
		    (unsigned long long)n[i]);
	put(t, "}");
}

static struct slot sum_slots(void)
{
	struct slot all = { .tid = 0 };

	for (int i = 0; i < SLOTS; i++) {
		const struct slot *s = &slots[i];

		all.mallocs += s->mallocs;
		all.frees += s->frees;
		all.accesses += s->accesses;
		all.rmws += s->rmws;
		all.locks += s->locks;
		all.contended += s->contended;
		for (int k = 0; k < KINDS; k++)
			all.transfers[k] += s->transfers[k];
	}
	return all;
}

/* Keeps the TOP lines of the library's own data that moved most, the first one most. */
static void rank(const struct line **top, const struct line *l)
{
	for (int i = 0; i < TOP; i++) {
		const struct line *other = top[i];

		if (other != NULL && other->transfers >= l->transfers)
			continue;
		top[i] = l;
		if (other == NULL)
			return;
		l = other;
	}
}

static void put_lines(struct text *t)
{
	const struct line *top[TOP] = { NULL };
	uint64_t several[KINDS] = { 0 };

	for (size_t i = 0; i < LINES; i++) {
		const struct line *l = &lines[i];
		enum kind kind;

		if (l->number == 0 || (!l->several && l->transfers == 0))
			continue;
		kind = kind_of(l->number << LINE_SHIFT);
		several[kind] += l->several;
		if (kind == DATA && l->transfers > 0)
			rank(top, l);
	}
	put_kinds(t, "shared_lines", several);
	put(t, ",\n \"data\": [");
	for (int i = 0; i < TOP && top[i] != NULL; i++)
		put(t, "%s\n  {\"offset\": %lu, \"transfers\": %u, \"rmws\": %u, \"locks\": %u, "
		       "\"contended\": %u}",
		    i > 0 ? "," : "",
		    (unsigned long)((top[i]->number << LINE_SHIFT) - (uintptr_t)__ehdr_start),
		    top[i]->transfers, top[i]->rmws, top[i]->locks, top[i]->contended);
	put(t, "]");
}

__attribute__((destructor)) static void end(void)
{
	static struct text t;
	const char *name = getenv("HM_COUNT_FILE");
	struct slot all = sum_slots();
	int fd = 2;

	if (lines == NULL || getpid() != process)
		return;
	put(&t, "{\"threads\": %u, \"mallocs\": %llu, \"frees\": %llu, \"accesses\": %llu,\n"
		" \"rmws\": %llu, \"locks\": %llu, \"contended\": %llu, \"lost\": %llu,\n ",
	    most, (unsigned long long)all.mallocs, (unsigned long long)all.frees,
	    (unsigned long long)all.accesses, (unsigned long long)all.rmws,
	    (unsigned long long)all.locks, (unsigned long long)all.contended,
	    (unsigned long long)lost);
	put_kinds(&t, "transfers", all.transfers);
	put(&t, ",\n ");
	put_lines(&t);
	put(&t, "}\n");
	if (name != NULL)
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, t.bytes, t.n) != (ssize_t)t.n)
		_exit(99);
}
