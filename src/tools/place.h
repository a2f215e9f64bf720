/*
 * place.h - the loader's list of libraries for every program, /etc/ld.so.preload: read, and changed
 * in one step or not at all.
 *
 * Beside it, while needed or kept: NAME.hakmem-lock (who changes it), NAME.hakmem-backup (what it
 * was before the last change), NAME.hakmem-trial (tools/trial.h).
 * owns: nothing.
 * called from: tools/preload.c, tools/trial.c, tools/selftest.c.
 */
#ifndef HM_TOOLS_PLACE_H
#define HM_TOOLS_PLACE_H

#include "tools/tool.h"

#include <limits.h>
#include <sys/stat.h>

struct place {
	char file[PATH_MAX];      /* the list, as messages call it */
	char name[NAME_MAX - 32]; /* its name in its folder */
	int folder;
	const char *root; /* NULL, or the root of another system */
	int root_fd;      /* that folder, or AT_FDCWD */
	bool own;         /* the list that this very system's loader reads */
	int lock;
};

struct content {
	char *text; /* size bytes and a NUL */
	size_t size;
	bool there;
	struct stat st;
};

/* file: NULL for the loader's own. False with a line when the folder is not there. */
bool place_open(struct place *p, const char *root, const char *file);

/* A path as programs under the root see it. -1 with errno. */
int place_open_below(const struct place *p, const char *path, int flags);

/* Waits up to `seconds` for others; false with a line. */
bool place_lock(struct place *p, int seconds);
void place_unlock(struct place *p);

/* What is in the list; nothing when there is none. False with a line when it is nothing to edit. */
bool place_read(const struct place *p, struct content *out);

/*
 * The list becomes `text`, with the owner, mode and attributes that it had; size 0: there is none.
 * What it was is kept beside it. After a crash it is either the old or the new one. False with a
 * line: it is as it was.
 */
bool place_write(const struct place *p, const struct content *before, const char *text,
		 size_t size);

#endif
