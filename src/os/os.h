/*
 * os.h - what the library asks of the operating system, with the promises of
 * each call. The only floor that makes system calls.
 *
 * owns: the page size, the counters of system calls.
 * Every function keeps errno; failure is a value, never an abort. None
 * allocates. Tests replace the calls through hm_os_hooks.
 * called from: every floor above.
 */
#ifndef HM_OS_OS_H
#define HM_OS_OS_H

#include "base/base.h"

/* Page size in bytes (a power of two, 4 KiB to 64 KiB); asked of the auxiliary vector once. */
size_t hm_os_page_size(void);

/*
 * Maps `size` bytes (multiple of the page size, > 0) of zeroed private memory
 * at an address that is a multiple of `align` (a power of two, at least a
 * page). NULL when the kernel refuses. Tries the address below the last such
 * mapping first, so that one system call is the rule; maps more and trims as
 * the fall-back. Nothing is touched. Thread-safe.
 * apart: among others that stand apart (place.h), as what asks for huge pages does; for
 * multiples of 2 MiB as the alignment, else it means nothing.
 */
void *hm_os_map_aligned(size_t size, size_t align, bool apart);

/* Maps exactly [p, p+size), where nothing is; page multiples. False when something is. */
bool hm_os_map_at(void *p, size_t size);

/*
 * Does it cost nobody anything to keep addresses mapped that have no memory? No under strict
 * overcommit, RLIMIT_AS or RLIMIT_DATA, or when these cannot be read. Two system calls.
 */
bool hm_os_addresses_are_free(void);

/* Unmaps exactly [p, p+size), page multiples. False when the kernel refused (map count). */
bool hm_os_unmap(void *p, size_t size);

/*
 * Gives the pages of [p, p+size) back; page multiples. True only when the
 * kernel did it, and then they read as zero.
 */
bool hm_os_purge(void *p, size_t size);

/* Faults in [p, p+size) for writing, keeping contents (MADV_POPULATE_WRITE, else touches). */
void hm_os_populate(void *p, size_t size);

/*
 * Bytes of [p, p+size), page multiples, that are in memory; 0 when the kernel does not say. Not to
 * be asked under a filter (filter.h): that of systemd's services kills for mincore.
 */
size_t hm_os_resident(const void *p, size_t size);

/* Per-mapping huge page advice; failure is ignored by callers. */
bool hm_os_advise_huge(void *p, size_t size);
bool hm_os_advise_nohuge(void *p, size_t size);

/*
 * Resizes the mapping [p, p+old) in place; page multiples. True when done.
 */
bool hm_os_remap_in_place(void *p, size_t old_size, size_t new_size);

/*
 * Moves the mapping [p, p+old) to a new address that is a multiple of `align`
 * and makes it new_size long. NULL when refused; the old mapping is then whole.
 * apart: as above. accept, if not NULL, is asked of the new address before anything moves.
 * *is_short: NULL for want of memory or addresses, and not since that mapping cannot move.
 */
void *hm_os_remap_move(void *p, size_t old_size, size_t new_size, size_t align, bool apart,
		       bool (*accept)(void *target), bool *is_short);

/*
 * The same onto [target, target+new_size), which is mapped and the caller's, and longer than
 * the old one. False: the target is gone, and the old mapping is whole.
 */
bool hm_os_remap_onto(void *p, size_t old_size, size_t new_size, void *target);

/* Monotonic milliseconds, coarse. */
uint64_t hm_os_now_ms(void);

/* Is the calling thread the process's first? (a system call) */
bool hm_os_is_main_thread(void);
/* The process's number, as getpid() has it. */
uint64_t hm_os_process_id(void);
/* Does the process run with rights that its caller has not (AT_SECURE)? */
bool hm_os_is_secure(void);

/* Writes all of [text, text+len) to file descriptor fd, best effort. */
void hm_os_write(int fd, const char *text, size_t len);

/*
 * A read-only file, on a slow path: open, read, close by plain system calls. -1 on failure, and
 * when the program does not expect that a file is opened (filter.h).
 */
int hm_os_open_read(const char *path);
ptrdiff_t hm_os_read(int fd, void *buf, size_t len);
void hm_os_close(int fd);

/* Futex: sleep while *word == expected; wake n sleepers. May return early. */
void hm_os_futex_wait(uint32_t *word, uint32_t expected);
void hm_os_futex_wake(uint32_t *word, int n);

/*
 * Test hooks (each may be NULL): return true to make the call fail with ENOMEM. `call`
 * is the name: "mmap", "munmap", "madvise", "mincore", "mremap".
 */
extern bool (*hm_os_fail_hook)(const char *call);

/* Counters of system calls made, for tests and statistics; relaxed. */
struct hm_os_counts {
	_Atomic uint64_t maps, unmaps, purges, remaps, mapped_bytes, unmapped_bytes;
	_Atomic int map_errno; /* why memory was refused last; 0: never */
};
extern struct hm_os_counts hm_os_counts;

#endif
