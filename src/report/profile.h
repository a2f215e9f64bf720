/*
 * profile.h - the heap profile as a text, and what lives at exit.
 *
 * owns: nothing.
 * The text is the one that gperftools and jemalloc write and pprof reads: a line of totals, one
 * for each stack and size ("live blocks: bytes [all blocks: bytes] @ return addresses"), numbers
 * as they were sampled, then the mappings of the process. The addresses have no names: whoever
 * reads it finds them in the files that were mapped.
 * called from: api/.
 */
#ifndef HM_REPORT_PROFILE_H
#define HM_REPORT_PROFILE_H

#include "base/base.h"
#include "os/output.h"

/* No allocation, no stdio. False: no profile was ever begun, or fd did not take all of it. */
bool hm_profile_write(int fd);
/* The same into what was begun. */
bool hm_profile_put(struct hm_out *o);

/*
 * To a file, anew; path may have %p; NULL: the option profile_file. False also: there is no such
 * option's value, or the file cannot be had.
 */
bool hm_profile_dump(const char *path);

/* The profile is as the option says now: begun, or stopped. False: it cannot begin. */
bool hm_profile_follow(void);

/* Places with most bytes that live, by estimate, the first of them; at most `most`. */
void hm_profile_leaks(int fd, unsigned most);

/* At exit: what the options ask for. */
void hm_profile_finish(void);

#endif
