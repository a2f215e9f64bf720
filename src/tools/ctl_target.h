/*
 * ctl_target.h - a process that may run on hakmem, as hakmem-ctl finds it: by the note in its
 * memory (report/view.h), without symbols or files.
 *
 * Memory is read and written through one descriptor of /proc/PID/mem, which stays with the memory
 * that the process had when it was opened: what it executes later is never touched.
 * owns: nothing.
 * called from: tools/ctl*.c.
 */
#ifndef HM_TOOLS_CTL_TARGET_H
#define HM_TOOLS_CTL_TARGET_H

#include "report/view.h"
#include "tools/tool.h"

#include <limits.h>

enum target_kind {
	TARGET_FOUND,   /* the view is there, and of this layout */
	TARGET_OTHER,   /* the view is of another layout: `version` is known */
	TARGET_NONE,    /* no hakmem in it */
	TARGET_KERNEL,  /* no memory: a thread of the kernel's, or ending */
	TARGET_FOREIGN, /* a program of other word size */
	TARGET_DENIED,
	TARGET_GONE,
};

struct target {
	long pid;
	int mem;       /* -1: closed */
	uint32_t self; /* its number in its own namespace */
	uint64_t at;   /* of the view */
	struct hm_view view;
	char name[64], version[24], build[256];
	char file[PATH_MAX]; /* that the view is mapped from */
	bool deleted, is_static, passthrough;
};

/* Leaves `mem` open when it found something. */
enum target_kind target_open(struct target *t, long pid);
void target_close(struct target *t);

/* Exactly n bytes; false when they are not there, or no more. */
bool target_read(const struct target *t, uint64_t at, void *buf, size_t n);
bool target_write(const struct target *t, uint64_t at, const void *buf, size_t n);

/* Its own numbers, however old. */
struct target_figures {
	uint64_t held, large_blocks, large, free, holes, heaps, purged, purges, failed;
	uint64_t maps, unmaps;
};
bool target_figures(const struct target *t, struct target_figures *f);

/* Bytes that are resident; 0 when it has ended. */
uint64_t target_resident(const struct target *t);

/* What follows a word at the begin of a line of /proc/PID/status, or of another file there. */
bool target_status(long pid, const char *file, const char *word, char *out, size_t size);

#endif
