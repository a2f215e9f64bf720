/*
 * os_linux.c - the OS contract (os.h) on Linux 4.18 and later.
 *
 * owns: the page size, the counters of system calls.
 * called from: every floor above.
 * Reads, writes and futexes go through syscall(2): the libc functions of those
 * names are cancellation points, and malloc must not be one.
 */
#include "base/base.h"
#include "os/os.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/probe.h"
#include "os/filter.h"
#include "os/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Newer than the oldest headers that we build with. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
/* 32-bit systems with 64-bit time only; without a timeout the calls are the same. */
#if !defined(SYS_futex) && defined(SYS_futex_time64)
#define SYS_futex SYS_futex_time64
#endif

#define RW (PROT_READ | PROT_WRITE)

bool (*hm_os_fail_hook)(const char *call);
struct hm_os_counts hm_os_counts;

static _Atomic size_t page_size;
/* Targets of refused moves that had to stay; after some, blocks are no longer moved. */
static _Atomic unsigned lost_targets;
#define LOST_TARGETS_MAX 8

/*
 * ---- the calls themselves, errno included ----
 *
 * Where one thread's memory was, another's mapping may grow: the kernel orders the two, but the
 * memory model, and the thread sanitizer, do not know of it. So the calls that unmap are counted
 * before they are made, by a release, and who has grown reads the counters.
 */

static bool refused(const char *call)
{
	if (hm_likely(hm_os_fail_hook == NULL) || !hm_os_fail_hook(call))
		return false;
	errno = ENOMEM;
	return true;
}

static void *raw_map(uintptr_t where, size_t size, int prot, int flags)
{
	void *p;

	if (refused("mmap"))
		return NULL;
	p = mmap((void *)where, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	hm_add_relaxed(&hm_os_counts.maps, 1);
	if (p == MAP_FAILED)
		return NULL;
	hm_add_relaxed(&hm_os_counts.mapped_bytes, size);
	return p;
}

static bool raw_unmap(uintptr_t where, size_t size)
{
	if (refused("munmap"))
		return false;
	hm_add_release(&hm_os_counts.unmaps, 1);
	if (syscall(SYS_munmap, where, size) != 0)
		return false;
	hm_add_relaxed(&hm_os_counts.unmapped_bytes, size);
	return true;
}

/*
 * By number, like the clock's and the threads': each name that is taken from libc costs every
 * process at its start (base/str.h).
 */
static bool raw_advise(void *p, size_t size, int advice)
{
	return !refused("madvise") && syscall(SYS_madvise, p, size, advice) == 0;
}

static bool raw_remap(void *p, size_t old_size, size_t new_size, int flags, void *target)
{
	return syscall(SYS_mremap, p, old_size, new_size, flags, target) != -1;
}

static void count_resize(size_t old_size, size_t new_size)
{
	if (new_size > old_size)
		hm_add_relaxed(&hm_os_counts.mapped_bytes, new_size - old_size);
	else
		hm_add_relaxed(&hm_os_counts.unmapped_bytes, old_size - new_size);
}

/* ---- mapping ---- */

size_t hm_os_page_size(void)
{
	size_t size = hm_load_relaxed(&page_size);
	int saved = errno;

	if (hm_likely(size != 0))
		return size;
	size = (size_t)getauxval(AT_PAGESZ);
	if (!hm_is_pow2(size))
		size = 4096;
	errno = saved;
	hm_store_relaxed(&page_size, size);
	return size;
}

/* More than needed, then the ends cut off. An end that will not go is only address space. */
static uintptr_t map_and_trim(size_t size, size_t align, int prot)
{
	size_t more, head, tail;
	uintptr_t got, start;

	if (hm_add_overflows(size, align - hm_os_page_size(), &more))
		return 0;
	got = (uintptr_t)raw_map(0, more, prot, 0);
	if (got == 0)
		return 0;
	start = hm_align_up(got, align);
	head = start - got;
	tail = more - head - size;
	if (head != 0)
		(void)raw_unmap(got, head);
	if (tail != 0)
		(void)raw_unmap(start + size, tail);
	return start;
}

static uintptr_t place(size_t size, size_t align, bool apart)
{
	return hm_place_take(size, align, apart, hm_load_relaxed(&hm_os_counts.mapped_bytes) -
			     hm_load_relaxed(&hm_os_counts.unmapped_bytes));
}

/*
 * Somebody else is there: the kernel's own choice, when it is another, is mostly the top of a
 * hole, so the aligned address below is tried next. What stands apart begins a new window.
 */
static uintptr_t next_place(uintptr_t got, size_t size, size_t align, bool apart)
{
	if (!apart)
		return hm_align_down(got, align);
	hm_place_leave_window();
	return place(size, align, true);
}

/*
 * First at the hint, then at another: no more address space than asked for, which counts
 * under RLIMIT_AS and strict overcommit. Only then more is mapped and trimmed.
 */
static void *map_aligned(size_t size, size_t align, int prot, bool apart)
{
	uintptr_t want, got;

	if (align <= hm_os_page_size())
		return raw_map(0, size, prot, 0);
	want = place(size, align, apart);
	for (int tries = 0; tries < 2; tries++) {
		got = (uintptr_t)raw_map(want, size, prot, 0);
		if (got == 0)
			return NULL;
		if ((got & (align - 1)) == 0) {
			if (!apart && (got != want || tries > 0))
				hm_place_found(got);
			return (void *)got;
		}
		/* Merged with a neighbour at the map count's limit it cannot go: stop here. */
		if (!raw_unmap(got, size))
			return NULL;
		want = next_place(got, size, align, apart);
	}
	got = map_and_trim(size, align, prot);
	if (got != 0)
		hm_place_found(got);
	return (void *)got;
}

void *hm_os_map_aligned(size_t size, size_t align, bool apart)
{
	int saved = errno;
	void *p;

	errno = 0;
	p = map_aligned(size, align, RW, apart);
	hm_probe2(map, p, size);
	/* Without one: no address can be had for it. */
	if (hm_unlikely(p == NULL))
		hm_store_relaxed(&hm_os_counts.map_errno, errno != 0 ? errno : ENOMEM);
	errno = saved;
	return p;
}

bool hm_os_map_at(void *p, size_t size)
{
	int saved = errno;
	uintptr_t got = (uintptr_t)raw_map((uintptr_t)p, size, RW, MAP_FIXED_NOREPLACE);

	/* Before Linux 4.17 the flag is unknown, and the address a hint. */
	if (got != 0 && got != (uintptr_t)p)
		(void)raw_unmap(got, size);
	errno = saved;
	return got == (uintptr_t)p;
}

bool hm_os_unmap(void *p, size_t size)
{
	int saved = errno;
	bool done = raw_unmap((uintptr_t)p, size);

	hm_probe3(unmap, p, size, done);
	if (done)
		hm_place_freed((uintptr_t)p, size);
	errno = saved;
	return done;
}

/* ---- pages ---- */

bool hm_os_purge(void *p, size_t size)
{
	int saved = errno;
	bool done = raw_advise(p, size, MADV_DONTNEED);

	hm_add_relaxed(&hm_os_counts.purges, 1);
	hm_probe3(purge, p, size, done);
	errno = saved;
	return done;
}

void hm_os_populate(void *p, size_t size)
{
	int saved = errno;
	char *end = (char *)p + size;

	/*
	 * Before Linux 5.14 the advice is unknown. Any other refusal means that memory is
	 * short, and touching would turn it into a kill.
	 */
	if (!raw_advise(p, size, MADV_POPULATE_WRITE) && errno == EINVAL) {
		for (char *at = p; at < end; at += hm_os_page_size())
			__atomic_fetch_or((uint32_t *)(void *)at, 0, __ATOMIC_RELAXED);
	}
	errno = saved;
}

size_t hm_os_resident(const void *p, size_t size)
{
	int saved = errno;
	unsigned char vector[512];
	size_t page = hm_os_page_size(), bytes = 0, n;

	if (refused("mincore"))
		size = 0;
	for (const char *at = p; size > 0; at += n * page, size -= n * page) {
		n = size / page < sizeof vector ? size / page : sizeof vector;
		if (syscall(SYS_mincore, at, n * page, vector) != 0)
			break;
		for (size_t i = 0; i < n; i++)
			bytes += (vector[i] & 1) * page;
	}
	errno = saved;
	return bytes;
}

bool hm_os_advise_huge(void *p, size_t size)
{
	int saved = errno;
	bool done = raw_advise(p, size, MADV_HUGEPAGE);

	errno = saved;
	return done;
}

bool hm_os_advise_nohuge(void *p, size_t size)
{
	int saved = errno;
	bool done = raw_advise(p, size, MADV_NOHUGEPAGE);

	errno = saved;
	return done;
}

bool hm_os_remap_in_place(void *p, size_t old_size, size_t new_size)
{
	int saved = errno;
	bool done = false;

	if (!refused("mremap")) {
		hm_add_release(&hm_os_counts.remaps, 1);
		done = raw_remap(p, old_size, new_size, 0, NULL);
	}
	if (done) {
		(void)hm_load_acquire(&hm_os_counts.unmaps);
		(void)hm_load_acquire(&hm_os_counts.remaps);
		count_resize(old_size, new_size);
	}
	errno = saved;
	return done;
}

/*
 * A refused mremap may or may not have unmapped its target before, depending
 * on the kernel. If the place can be had, it was; if not, what is there may by
 * now be another's, so it stays: address space without memory, and not often.
 */
static void forget_target(uintptr_t target, size_t size, int error)
{
	uintptr_t got;

	/* Forbidden (seccomp, mseal): nothing was done at all. */
	if (error == EPERM || error == ENOSYS || error == EACCES) {
		(void)raw_unmap(target, size);
		return;
	}
	got = (uintptr_t)raw_map(target, size, PROT_NONE, MAP_FIXED_NOREPLACE);
	if (got == 0) {
		hm_add_relaxed(&lost_targets, 1);
		return;
	}
	hm_add_relaxed(&hm_os_counts.unmapped_bytes, size);
	(void)raw_unmap(got, size);
}

/*
 * Onto a target that is mapped and the caller's, so that MREMAP_FIXED replaces nothing but
 * that. A block that shrinks moves whole and is cut afterwards, since the kernel cuts before
 * it can fail.
 */
static bool move_onto(void *p, size_t old_size, size_t new_size, void *target)
{
	size_t size = new_size > old_size ? new_size : old_size;

	hm_add_release(&hm_os_counts.remaps, 1);
	if (!raw_remap(p, old_size, size, MREMAP_MAYMOVE | MREMAP_FIXED, target)) {
		int error = errno;

		forget_target((uintptr_t)target, size, error);
		errno = error;
		return false;
	}
	hm_add_relaxed(&hm_os_counts.unmapped_bytes, old_size);
	if (size > new_size)
		(void)raw_unmap((uintptr_t)target + new_size, size - new_size);
	return true;
}

static bool may_move(void)
{
	return hm_load_relaxed(&lost_targets) < LOST_TARGETS_MAX && !refused("mremap");
}

/* The target is reserved first; PROT_NONE: not charged. */
void *hm_os_remap_move(void *p, size_t old_size, size_t new_size, size_t align, bool apart,
		       bool (*accept)(void *target), bool *is_short)
{
	int saved = errno;
	size_t size = new_size > old_size ? new_size : old_size;
	void *target;

	errno = 0;
	target = may_move() ? map_aligned(size, align, PROT_NONE, apart) : NULL;
	if (target != NULL && accept != NULL && !accept(target)) {
		(void)raw_unmap((uintptr_t)target, size);
		target = NULL;
		errno = ENOMEM;
	}
	if (target != NULL && !move_onto(p, old_size, new_size, target))
		target = NULL;
	*is_short = target == NULL && errno == ENOMEM;
	errno = saved;
	return target;
}

bool hm_os_remap_onto(void *p, size_t old_size, size_t new_size, void *target)
{
	int saved = errno;
	bool done = false;

	if (may_move())
		done = move_onto(p, old_size, new_size, target);
	else
		(void)raw_unmap((uintptr_t)target, new_size);
	errno = saved;
	return done;
}

/* ---- clock, threads, files ---- */

uint64_t hm_os_now_ms(void)
{
	int saved = errno;
	struct timespec now = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	errno = saved;
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

HM_START_CODE bool hm_os_is_secure(void)
{
	return getauxval(AT_SECURE) != 0;
}

bool hm_os_is_main_thread(void)
{
	return syscall(SYS_gettid) == syscall(SYS_getpid);
}

uint64_t hm_os_process_id(void)
{
	return (uint64_t)syscall(SYS_getpid);
}

void hm_os_write(int fd, const char *text, size_t len)
{
	int saved = errno;

	while (len > 0) {
		long n = syscall(SYS_write, fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		text += n;
		len -= (size_t)n;
	}
	errno = saved;
}

int hm_os_open_read(const char *path)
{
	int saved = errno;
	long fd = -1;

	if (hm_os_may_open())
		fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	errno = saved;
	return fd < 0 ? -1 : (int)fd;
}

ptrdiff_t hm_os_read(int fd, void *buf, size_t len)
{
	int saved = errno;
	long n;

	do
		n = syscall(SYS_read, fd, buf, len);
	while (n < 0 && errno == EINTR);
	errno = saved;
	return n < 0 ? -1 : (ptrdiff_t)n;
}

void hm_os_close(int fd)
{
	int saved = errno;

	(void)syscall(SYS_close, fd);
	errno = saved;
}

void hm_os_futex_wait(uint32_t *word, uint32_t expected)
{
	int saved = errno;

	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
	errno = saved;
}

void hm_os_futex_wake(uint32_t *word, int n)
{
	int saved = errno;

	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
	errno = saved;
}
