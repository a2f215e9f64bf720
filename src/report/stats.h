/*
 * stats.h - how much memory there is, in what state, and what was done with it.
 *
 * owns: nothing; adds up what the floors below count. Exact for a process whose
 * other threads rest; else each figure was true at some moment of the call, and what
 * threads hand out or take back meanwhile may be missing or counted twice: never more
 * blocks of a class than its threads have on their lists.
 * called from: api/control.c, api/override_glibc.c, api/start.c.
 */
#ifndef HM_REPORT_STATS_H
#define HM_REPORT_STATS_H

#include "base/base.h"
#include "base/geometry.h"
#include "heap/heap.h"
#include "os/os.h"
#include "os/output.h"
#include "os/usage.h"
#include "policy/failure.h"
#include "policy/limit.h"
#include "policy/purge_count.h"
#include "pool/large.h"

/* Blocks of a class, in slabs that serve it. */
struct hm_stats_class {
	size_t live;       /* the program has them */
	size_t free;       /* the others, holes not counted: */
	size_t cached;     /* of these on threads' lists, or on their way to another's slab */
	size_t fresh;      /* and never handed out, set apart by a thread for its next */
	size_t live_bytes; /* what malloc_usable_size says of the live ones */
	size_t spans, waiting; /* slabs or runs of them; of these, for any thread to adopt */
	size_t hole_bytes; /* pages given back inside these */
	uint64_t refills, spills;
};

/* Superslabs by how many of their 32 slabs are in use. */
enum hm_fill { HM_FILL_NONE, HM_FILL_8, HM_FILL_16, HM_FILL_24, HM_FILL_31, HM_FILL_32, HM_FILLS };

/* What all threads did, those that ended too. */
struct hm_stats_work {
	uint64_t refills, spills, remote_frees, remote_pushes, adopted, given_up;
	uint64_t looks, doubled, sweeps, more_patient, less_patient;
};

struct hm_stats {
	size_t superslabs, superslab_bytes; /* mapped */
	size_t huge_superslabs;             /* of these, that asked for huge pages */
	size_t fills[HM_FILLS];
	size_t live_blocks, live_bytes;     /* in slabs, by usable size; no large ones */
	size_t free_blocks, free_bytes;
	size_t cached_blocks, cached_bytes; /* of these */
	size_t fresh_blocks, fresh_bytes;
	size_t hole_bytes;
	size_t free_slabs;                  /* 64 KiB each, for any class */
	size_t dirty_slabs;                 /* of these, what a purge would give back */
	size_t waiting;                     /* slabs that nobody owns, with free blocks */
	size_t heaps, threads;              /* ever made at a time; that have one now */
	struct hm_stats_work work;
	struct hm_stats_class classes[HM_CLASSES];
	struct hm_large_counts large;
	size_t resident; /* what counts against the limits */
	struct hm_limit_counts limit;
	struct hm_failure_counts failures;
	struct hm_purge_counts purges;
	struct hm_os_faults faults;
};

void hm_stats_collect(struct hm_stats *out);

/* One heap: what it has on lists now, and its counters, of all threads that had it. */
struct hm_stats_heap {
	unsigned number;
	const char *state; /* thread, unused, shared, checked */
	size_t blocks, bytes; /* on lists and in batches */
	size_t budgets, budget_max; /* bytes that lists may come to */
	unsigned patience;
	uint64_t hole_bytes; /* given back by its looks */
	struct hm_stats_work work;
};

/* Every heap that was ever made in turn, with no lock held. */
void hm_stats_each_heap(void (*f)(const struct hm_stats_heap *h, void *arg), void *arg);

/* Why memory was refused or given back, as the reports call it. */
const char *hm_stats_failure_name(enum hm_failure why);
const char *hm_stats_purge_name(enum hm_purge_reason why);

/* What threads have learned, as a text (policy/ace_state.h); its length. And the option ace. */
size_t hm_stats_ace(char *buf, size_t size);
const char *hm_stats_ace_mode(void);

/* Some lines of text to a file descriptor, or one of JSON. No allocation, no stdio. */
void hm_stats_print(int fd);
void hm_stats_json(int fd);

/* The same, into what was begun. files: the kernel's files about the process may be opened. */
void hm_stats_put_text(struct hm_out *o);
void hm_stats_put_json(struct hm_out *o, bool files);

/* What threads have learned, as a text (policy/ace_state.h); its length. */
size_t hm_stats_ace(char *buf, size_t size);

#endif
