/*
 * output.h - longer output to a descriptor that may be anything: and no harm to the program.
 *
 * owns: nothing; the buffer is the caller's, mostly on its stack.
 * Written in pieces of the buffer's size, by plain system calls. What refuses (a full disk, a
 * closed descriptor, a pipe that nobody reads) ends the output silently: the rest is dropped,
 * and no signal (SIGPIPE, SIGXFSZ) comes of it. One that is not ready (O_NONBLOCK) is waited
 * for, a second at a time. Keeps errno.
 * called from: report/.
 */
#ifndef HM_OS_OUTPUT_H
#define HM_OS_OUTPUT_H

#include "base/base.h"

/* The kernel's set of signals. */
struct hm_signals {
	unsigned long words[128 / (8 * sizeof(unsigned long))];
};

struct hm_out {
	int fd;
	char *at; /* not NULL: memory instead, of which so much is left, */
	size_t room;
	size_t total; /* and so much was to be written */
	bool failed; /* nothing more is written */
	size_t len;
	struct hm_signals old, pending; /* of the thread, before it began */
	char buf[1024];
};

/* Between these two the thread has SIGPIPE and SIGXFSZ blocked. */
void hm_out_begin(struct hm_out *o, int fd);
void hm_out_end(struct hm_out *o);

/* Into memory: what does not fit is dropped. Returns, at the end, how much there was. */
void hm_out_begin_memory(struct hm_out *o, char *buf, size_t size);
size_t hm_out_end_memory(struct hm_out *o);

void hm_out_char(struct hm_out *o, char c);
void hm_out_str(struct hm_out *o, const char *s);
void hm_out_dec(struct hm_out *o, uint64_t v);
/* With 0x in front. */
void hm_out_hex(struct hm_out *o, uint64_t v);
/* Right-aligned, or left-aligned, in so many columns; longer ones push the rest. */
void hm_out_dec_pad(struct hm_out *o, uint64_t v, unsigned width);
void hm_out_str_pad(struct hm_out *o, const char *s, unsigned width);

/*
 * Opens a file to append to, made with mode 0600 if it is not there: a regular one, of this
 * user's, that has one name. Not through a symbolic link. -1 on failure.
 */
int hm_os_open_append(const char *path);
/* The same, of which nothing stays that was in it. */
int hm_os_open_anew(const char *path);

#endif
