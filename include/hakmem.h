/*
 * hakmem.h - the functions of libhakmem.
 *
 * A program that is linked with -lhakmem, or started with the library in
 * LD_PRELOAD, has its malloc, free and the rest of the family, and C++'s
 * operators new and delete, served by hakmem without including this file. The
 * functions here are the same allocator under names of its own, and what the
 * standard names cannot say. Blocks are interchangeable between the two: what
 * hak_malloc gave may go to free, and the contrary.
 *
 * Unless it is said otherwise, every function
 * - may be called from any thread at any time, also before main, in fork
 *   handlers and in destructors of thread-specific data; not from a signal
 *   handler that interrupted an allocating function;
 * - takes and gives sizes and alignments in bytes; a size may be up to PTRDIFF_MAX;
 * - returns blocks aligned to 16 bytes at least, which any thread may use and free;
 * - reports failure by NULL, with errno ENOMEM when the size is impossible, the
 *   system has no memory or a limit is reached, and leaves all blocks as they were;
 * - leaves errno alone when it succeeds.
 *
 * A pointer that is not a live block (freed before, inside a block, of another
 * allocator) ends the process with one line on stderr as far as it is noticed.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stddef.h>

/* The version of this header; hak_version() has the library's. */
#define HAKMEM_VERSION_MAJOR 0
#define HAKMEM_VERSION_MINOR 1
#define HAKMEM_VERSION_PATCH 0
#define HAKMEM_VERSION_STRING "0.1.0"
/* One number that grows with the version, for #if. */
#define HAKMEM_VERSION                                                                             \
	(HAKMEM_VERSION_MAJOR * 1000000 + HAKMEM_VERSION_MINOR * 1000 + HAKMEM_VERSION_PATCH)

#if defined(__GNUC__)
#define HAKMEM_ATTRIBUTE(...) __attribute__((__VA_ARGS__))
#else
#define HAKMEM_ATTRIBUTE(...)
#endif
/* A block that nothing else points to, whose only handle must not be dropped. */
#define HAKMEM_NEW HAKMEM_ATTRIBUTE(__malloc__, __warn_unused_result__)

#if defined(__cplusplus) && __cplusplus >= 201103L
#define HAKMEM_NOTHROW noexcept
#elif defined(__cplusplus)
#define HAKMEM_NOTHROW throw()
#else
#define HAKMEM_NOTHROW
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Allocating ---- */

/* A block of at least `size` bytes, contents undefined; for 0 too, one of its own. */
HAKMEM_NEW HAKMEM_ATTRIBUTE(__alloc_size__(1))
void *hak_malloc(size_t size) HAKMEM_NOTHROW;

/* A zeroed block for `count` objects of `size` bytes. ENOMEM when the product overflows. */
HAKMEM_NEW HAKMEM_ATTRIBUTE(__alloc_size__(1, 2))
void *hak_calloc(size_t count, size_t size) HAKMEM_NOTHROW;

/*
 * The block p made `size` bytes long: where it stands or elsewhere, contents
 * kept up to the smaller of the two sizes. p is no longer valid then. On
 * failure p is as it was.
 * p NULL: as hak_malloc. Size 0 and p not NULL: frees p and returns NULL, which
 * is no error (errno is left alone). An alignment above 16 is not kept.
 */
HAKMEM_ATTRIBUTE(__warn_unused_result__, __alloc_size__(2))
void *hak_realloc(void *p, size_t size) HAKMEM_NOTHROW;

/* hak_realloc to `count` objects of `size` bytes. ENOMEM when the product overflows. */
HAKMEM_ATTRIBUTE(__warn_unused_result__, __alloc_size__(2, 3))
void *hak_reallocarray(void *p, size_t count, size_t size) HAKMEM_NOTHROW;

/* ---- Allocating with an alignment. Such blocks are freed and resized as any other. ---- */

/*
 * A block of at least `size` bytes at a multiple of `alignment`, a power of
 * two; `size` need not be a multiple of it. errno EINVAL when it is no power of two.
 */
HAKMEM_NEW HAKMEM_ATTRIBUTE(__alloc_align__(1), __alloc_size__(2))
void *hak_aligned_alloc(size_t alignment, size_t size) HAKMEM_NOTHROW;

/*
 * The same through *out. Returns 0, or EINVAL when the alignment is no power
 * of two or not a multiple of sizeof(void *), or ENOMEM; on an error *out and
 * errno are left alone.
 */
HAKMEM_ATTRIBUTE(__warn_unused_result__, __nonnull__(1))
int hak_posix_memalign(void **out, size_t alignment, size_t size) HAKMEM_NOTHROW;

/*
 * As hak_aligned_alloc, but an alignment that is no power of two is rounded up
 * to one. errno EINVAL when there is none as large.
 */
HAKMEM_NEW HAKMEM_ATTRIBUTE(__alloc_size__(2))
void *hak_memalign(size_t alignment, size_t size) HAKMEM_NOTHROW;

/* A block that begins a page (of the size that the system uses, 4 KiB to 64 KiB). */
HAKMEM_NEW HAKMEM_ATTRIBUTE(__alloc_size__(1))
void *hak_valloc(size_t size) HAKMEM_NOTHROW;

/* The same, `size` rounded up to whole pages, one at least. */
HAKMEM_NEW HAKMEM_ATTRIBUTE(__alloc_size__(1))
void *hak_pvalloc(size_t size) HAKMEM_NOTHROW;

/* ---- Freeing ---- */

/* Ends the life of block p. NULL is allowed and does nothing. Keeps errno. */
void hak_free(void *p) HAKMEM_NOTHROW;

/*
 * hak_free for a caller who knows the size that was asked for (of malloc,
 * calloc, realloc). A size that the block cannot have is ignored; it ends the
 * process when the library was built with full guards and they are on.
 */
void hak_free_sized(void *p, size_t size) HAKMEM_NOTHROW;

/* The same for blocks of hak_aligned_alloc, with the alignment that was asked for. */
void hak_free_aligned_sized(void *p, size_t alignment, size_t size) HAKMEM_NOTHROW;

/* ---- Sizes ---- */

/*
 * Bytes of block p that may be read and written: at least what was asked for,
 * and the same for as long as the block is not resized. 0 for NULL and for a
 * pointer that is not a block of this allocator (a freed or an interior one is
 * not always known as such).
 */
size_t hak_usable_size(const void *p) HAKMEM_NOTHROW;

/*
 * What a block of hak_malloc(size) may hold, without allocating one: the size
 * to ask for when a little more is of use. At least `size`; `size` itself when
 * it is large or impossible.
 */
HAKMEM_ATTRIBUTE(__warn_unused_result__)
size_t hak_good_size(size_t size) HAKMEM_NOTHROW;

/*
 * Makes block p hold at least `size` bytes without moving it: p when it does
 * then, else NULL, with the block as it was and errno left alone. Never makes
 * a block smaller. p NULL: NULL.
 */
void *hak_expand(void *p, size_t size) HAKMEM_NOTHROW;

/* ---- The allocator as a whole ---- */

/* The library's version, as "0.1.0". The string is static. */
const char *hak_version(void) HAKMEM_NOTHROW;

/*
 * Gives memory that no block uses back to the system: what the calling thread
 * and the process keep for later. Returns the number of bytes given back. May
 * take milliseconds for each gigabyte; later allocations fault their pages in anew.
 */
size_t hak_purge(void) HAKMEM_NOTHROW;

/*
 * What is asked when the option limit_hard (hakmem(7)) refuses an allocation of
 * `size` bytes, after all that was free has gone back to the system: whether to
 * try again, having freed something, say. Not 0: yes; it is asked again if that
 * was not enough, up to 16 times for one allocation. 0: NULL, with ENOMEM.
 * It is called by the thread that allocates, at the place where it does, whatever
 * locks of the program's own that one holds there, and by several threads at
 * once. It may free, and call hak_purge and hak_stats_print. It should not
 * allocate; if it does and that is refused, too, it gets NULL and is not called
 * again. It must return: no longjmp, no exception.
 */
typedef int (*hak_limit_handler)(size_t size);

/*
 * Sets that function for the whole process; NULL, as at the start: none. Returns
 * the one before, which other threads may still be in.
 */
hak_limit_handler hak_set_limit_handler(hak_limit_handler handler) HAKMEM_NOTHROW;

/*
 * Writes figures about the heap as text to file descriptor fd. For people: the
 * format may change with every version. What the lines mean is in hakmem(7), HOW TO READ THE
 * STATISTICS. Figures are gathered while other threads go on; when these rest, they are exact.
 * What fd refuses (a full disk, a closed pipe) is dropped silently, and no signal comes of it.
 */
void hak_stats_print(int fd) HAKMEM_NOTHROW;

/*
 * The same, and more, for programs: one JSON object on one line. Its member "schema" is 1;
 * share/hakmem/stats.schema.json, a JSON Schema, has the meaning of each key.
 * While "schema" is the same, keys may be added, but none goes or changes its meaning. Besides
 * it asks the kernel for memory and mappings of the process, which takes up to some twenty
 * milliseconds for each gigabyte that is resident.
 */
void hak_stats_json(int fd) HAKMEM_NOTHROW;

/*
 * Writes what threads have learned so far about the sizes that they use, as a text that the
 * option ace_state (hakmem(7)) takes, to buf, which has `size` bytes: cut if need be, and with a
 * null byte unless size is 0. Returns the length of the whole text; 2000 bytes are enough.
 */
size_t hak_ace_state(char *buf, size_t size) HAKMEM_NOTHROW;

/* ---- The heap profile: which stacks of calls allocate how much, and how much of it lives. ---- */

/*
 * Begins a profile: from now on blocks are drawn at random, one for each `rate` bytes that are
 * allocated on average (0: as the option profile_rate says, 512 KiB if nothing is said; 1: every
 * block), and the stacks that allocate them are kept, until they are freed. What an earlier profile
 * had is forgotten. The library for the unwinding of stacks is loaded at the first time, so no lock
 * should be held that a library's constructor could want. Returns 0; EPERM when the administrator
 * has fixed the option profile; ENOTSUP when there is no memory for it, or the program has another
 * malloc (mode=passthrough). errno is left alone.
 */
int hak_profile_start(size_t rate) HAKMEM_NOTHROW;

/* Ends it: nothing more is drawn. Its figures stay, and frees still count. Returns 0, or EPERM. */
int hak_profile_stop(void) HAKMEM_NOTHROW;

/*
 * Writes what is known by now to file descriptor fd, as the text that hakmem-prof(1) and pprof
 * read, at any time after the first hak_profile_start. Returns 0; EINVAL when there was no profile;
 * EIO when fd did not take all of it.
 */
int hak_profile_dump(int fd) HAKMEM_NOTHROW;

/* ---- Options. Their names and values are those of the configuration file: hakmem.conf(5). ---- */

/*
 * The name of option number `index`, from 0; NULL past the last. The string is static.
 */
const char *hak_option_name(unsigned index) HAKMEM_NOTHROW;

/*
 * Writes the option's value to buf, of `size` bytes, as a string: cut where it
 * is longer. Returns 0; EINVAL when there is no option of that name; ERANGE when
 * it was cut. errno is left alone.
 */
HAKMEM_ATTRIBUTE(__nonnull__(1, 2))
int hak_option_get(const char *name, char *buf, size_t size) HAKMEM_NOTHROW;

/*
 * Gives the option another value, for the whole process and at once. Returns 0;
 * EINVAL when there is no option of that name, or the value is none that it can
 * have; EPERM when it counts at the start only, or the administrator's file says
 * that it is not overridable. errno is left alone.
 */
HAKMEM_ATTRIBUTE(__nonnull__(1, 2))
int hak_option_set(const char *name, const char *value) HAKMEM_NOTHROW;

/*
 * Writes all options to file descriptor fd, as a configuration file: each with
 * its value, and as a comment what it is, which values it may have, whether it may
 * change at run time and where its value is from.
 */
void hak_option_list(int fd) HAKMEM_NOTHROW;

#ifdef __cplusplus
}
#endif

#endif
