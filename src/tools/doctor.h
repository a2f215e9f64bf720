/*
 * doctor.h - the parts of hakmem-doctor.
 *
 * owns: nothing.
 * called from: tools/doctor.c.
 */
#ifndef HM_TOOLS_DOCTOR_H
#define HM_TOOLS_DOCTOR_H

#include "tools/finding.h"
#include "tools/look.h"
#include "tools/tool.h"

/* Exit codes. */
enum { DOCTOR_WELL = 0, DOCTOR_ILL = 1, DOCTOR_CANNOT = 2 };

/* doctor_machine.c: what holds for every process. library: as programs of the root see it. */
void doctor_machine(const char *library);

/* doctor_process.c: one process. Ends the program with a line when it cannot be looked at. */
void doctor_process(long pid, const char *library);

/* doctor_program.c: a program known not to go well with hakmem, by its open file and path. */
void doctor_program(int fd, const char *path);

/* doctor_config.c: the bad lines of the configuration file. */
void doctor_config_check(void);
/* The lines that count for a program, by its file's path; secure: in secure execution. */
void doctor_config_program(const char *program, bool secure);
/* "HAKMEM_NAME=VALUE" of a process's environment. */
void doctor_config_variable(const char *variable);

/* doctor_limits.c: of a process, by its folder, "/proc/self" or "/proc/1". */
void doctor_limits(const char *folder);
/* How many mappings a process may have; false with a finding when it is not known. */
bool doctor_map_count(unsigned long *out);

/* The other allocator that a library's path names, "jemalloc"; NULL when it is none known. */
const char *doctor_rival(const char *path);
/* Whether a path's file is called libhakmem*.so*. */
bool doctor_is_ours(const char *path);

#endif
