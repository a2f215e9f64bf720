/*
 * file.h - files that are read at start, and what program this is.
 *
 * owns: nothing. As all of os/: keeps errno, allocates nothing, fails by value.
 * called from: policy/config_file.c.
 */
#ifndef HM_OS_FILE_H
#define HM_OS_FILE_H

#include "base/base.h"

/* The longest path that is used, its terminator included. */
#define HM_PATH_SIZE 1024
/* The longest name in a directory, its terminator included. */
#define HM_NAME_SIZE 256

enum hm_file_kind {
	HM_FILE_MISSING,
	HM_FILE_UNREADABLE, /* it is there, and may not be opened */
	HM_FILE_IRREGULAR,  /* a directory, a device, a pipe: not read */
	HM_FILE_OPEN,
};

struct hm_file {
	int fd; /* only of HM_FILE_OPEN; hm_os_close */
	uint64_t size;
	bool is_roots; /* root owns it, and nobody else may write to it */
};

/* Opens a regular file. Never waits, whatever it is that has the name. */
enum hm_file_kind hm_file_open(const char *path, struct hm_file *out);

/* Calls each with the names in a directory, in no order. False: it cannot be read. */
bool hm_file_list(const char *path, void (*each)(const char *name, void *arg), void *arg);

/*
 * The name by which the program was executed (for a script, the script's); whoever executes it
 * can choose it, by a link. NULL: not known.
 */
const char *hm_program_called(void);

/* The path of the program's file, which nobody can choose. False: not known, or too long. */
bool hm_program_path(char path[HM_PATH_SIZE]);

#endif
