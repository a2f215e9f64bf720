/*
 * config_file.h - reading configuration files: what they include, which of their
 * sections are this program's, which lines count.
 *
 * owns: the memory that a file is read into. From one thread, at start.
 * called from: policy/environment.c, tools/doctor_config.c.
 */
#ifndef HM_POLICY_CONFIG_FILE_H
#define HM_POLICY_CONFIG_FILE_H

#include "base/base.h"

/* The system's file; tests replace it. */
extern const char *hm_config_system;

/*
 * What hakmem-doctor asks instead of what this process is: another program, by its file's path; the
 * folder at which absolute paths begin; or whether all lines can be read, those of every section,
 * which then set nothing.
 */
struct hm_config_view {
	const char *program, *root;
	bool check;
};
extern struct hm_config_view hm_config_view;

/*
 * Reads it, and what it includes. Costs one failed call to open a file where
 * there is none. In secure execution files count only if they are root's alone.
 */
void hm_config_read_system(bool secure);

/* The same for a user's own file, whose lines count as the environment's do. */
void hm_config_read_user(const char *path);

#endif
