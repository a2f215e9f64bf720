/*
 * view.h - what other programs see of a process that runs on the library: where its counters are,
 * and the mailbox by which they ask it for something (channel.h).
 *
 * owns: nothing; the layout alone. A note of the file (ELF, owner "hakmem") says where struct
 * hm_view is, relative to itself: so it is found in a process's memory without symbols, without
 * the library's file, and in static programs. Nothing here costs a process that nobody looks at
 * anything: the mailbox is memory that was never touched.
 * called from: report/view.c, report/channel.c; tools/ctl*.c, which read it in other processes.
 */
#ifndef HM_REPORT_VIEW_H
#define HM_REPORT_VIEW_H

#include "base/atomic.h"
#include "base/base.h"
#include "os/os.h"
#include "policy/failure.h"
#include "policy/figures.h"
#include "policy/purge_count.h"

#define HM_VIEW_OWNER "hakmem"
#define HM_VIEW_MAGIC "hakview"
#define HM_VIEW_NOTE 1 /* the note's type */
/* Changes with anything below, or in a struct that the view points to. */
#define HM_VIEW_LAYOUT 1

/* The note's contents. */
struct hm_view_note {
	uint32_t layout;
	int32_t offset; /* of the view from this member */
};

enum hm_command {
	HM_COMMAND_STATS_TEXT = 1,
	HM_COMMAND_STATS_JSON,
	HM_COMMAND_FIGURES, /* lines of NAME VALUE */
	HM_COMMAND_PURGE,   /* the bytes that went */
	HM_COMMAND_GET,     /* of the option that the text names, or of all as lines */
	HM_COMMAND_SET,     /* KEY=VALUE */
	HM_COMMAND_PROFILE_START,
	HM_COMMAND_PROFILE_STOP,
	HM_COMMAND_PROFILE_DUMP,
};

enum hm_mail_status {
	HM_MAIL_NONE,
	HM_MAIL_DONE,
	HM_MAIL_MALFORMED,
	HM_MAIL_NO_COMMAND,
	HM_MAIL_NO_OPTION,
	HM_MAIL_BAD_VALUE, /* the answer says what is expected */
	HM_MAIL_FIXED,     /* the option may not change, or not any more */
	HM_MAIL_NO_MEMORY, /* for the answer */
	HM_MAIL_FAILED,    /* the answer says why */
	HM_MAIL_STATUSES,
};

#define HM_MAIL_TEXT 1024

/* What is asked: written by another program, so that anything may be in it. */
struct hm_mail {
	uint32_t sum; /* hm_mail_sum() of what follows */
	uint32_t ticket, process, command, length;
	char text[HM_MAIL_TEXT]; /* `length` printable characters, then a 0 */
};

struct hm_mailbox {
	/* Who serves it, by the numbers of the process's own namespace; 0: nobody. */
	_Atomic uint32_t process, helper;
	/* Written last, then the bell is rung: another ticket than before. Never 0. */
	_Atomic uint32_t request;
	struct hm_mail mail;
	/* The answer; it stands while `served` is the ticket. */
	_Atomic uint32_t served, status;
	_Atomic uintptr_t answer;
	_Atomic size_t answer_size;
};

struct hm_view {
	char magic[8];
	uint32_t layout, size;
	char version[24];
	/* From here on a view of another layout is another one. */
	uint64_t slab_size;
	const char *build;
	const _Atomic bool *passthrough;
	const _Atomic uint64_t *expose; /* the option */
	const struct hm_figures *figures;
	const struct hm_os_counts *os;
	const struct hm_purge_words *purges;
	const struct hm_failure_words *failures;
	_Atomic uint32_t *bell;
	struct hm_mailbox *mailbox;
};

extern const struct hm_view hm_view;
extern struct hm_mailbox hm_mailbox;

/* FNV-1a of a mail but its first member. */
hm_inline uint32_t hm_mail_sum(const struct hm_mail *mail)
{
	const unsigned char *at = (const unsigned char *)mail + sizeof mail->sum;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < sizeof *mail - sizeof mail->sum; i++)
		sum = (sum ^ at[i]) * 16777619u;
	return sum;
}

#endif
