/*
 * channel.c - reading the mailbox, and answering.
 *
 * owns: the answers' memory, the ticket that was served last, and whose process this is: what the
 * mailbox says of these is for others.
 * called from: heap/background.c, by the helper thread alone; api/start.c.
 */
#include "base/base.h"
#include "report/channel.h"

#include "base/bits.h"
#include "base/str.h"
#include "heap/background.h"
#include "os/os.h"
#include "os/output.h"
#include "os/thread.h"
#include "policy/option_value.h"
#include "policy/options.h"
#include "report/profile.h"
#include "report/stats.h"
#include "report/view.h"

/* A row of the options' listing. */
#define ROW_SIZE 3072
#define LARGER ((size_t)2 << 20)

static struct {
	uint32_t process, seen;
	char *larger; /* NULL: the first one does */
	size_t larger_size;
	char first[(size_t)64 << 10]; /* no memory before it is used */
} channel;

/* ---- commands ---- */

static enum hm_mail_status stats_text(const char *text, struct hm_out *o)
{
	(void)text;
	hm_stats_put_text(o);
	return HM_MAIL_DONE;
}

static enum hm_mail_status stats_json(const char *text, struct hm_out *o)
{
	(void)text;
	hm_stats_put_json(o, hm_background_has_files());
	return HM_MAIL_DONE;
}

static void put_figure(struct hm_out *o, const char *name, uint64_t n)
{
	hm_out_str(o, name);
	hm_out_char(o, ' ');
	hm_out_dec(o, n);
	hm_out_char(o, '\n');
}

static enum hm_mail_status figures(const char *text, struct hm_out *o)
{
	struct hm_stats st;
	uint64_t failures = 0, purged = 0;

	(void)text;
	hm_stats_collect(&st);
	for (unsigned i = 0; i < HM_FAILURES; i++)
		failures += st.failures.times[i];
	for (unsigned i = 0; i < HM_PURGES; i++)
		purged += st.purges.bytes[i];
	put_figure(o, "held", st.resident);
	put_figure(o, "live", st.live_bytes + st.large.usable);
	put_figure(o, "blocks", st.live_blocks + st.large.live);
	put_figure(o, "cached", st.cached_bytes);
	put_figure(o, "dirty", st.dirty_slabs * HM_SLAB_SIZE + st.large.cached_bytes);
	put_figure(o, "threads", st.threads);
	put_figure(o, "purged", purged);
	put_figure(o, "failed", failures);
	return HM_MAIL_DONE;
}

static enum hm_mail_status purge(const char *text, struct hm_out *o)
{
	(void)text;
	hm_out_dec(o, hm_background_purge());
	hm_out_char(o, '\n');
	return HM_MAIL_DONE;
}

static void put_row(struct hm_out *o, unsigned i, bool whole)
{
	char row[ROW_SIZE];
	struct hm_text t;

	hm_text_init(&t, row, sizeof row);
	if (whole)
		hm_options_list_row(i, &t);
	else
		hm_option_value_format(hm_options_info(i), hm_options_value(i), &t);
	hm_out_str(o, row);
	hm_out_char(o, '\n');
}

static enum hm_mail_status get(const char *text, struct hm_out *o)
{
	int i = hm_options_find(text);

	if (i < 0 && *text != '\0')
		return HM_MAIL_NO_OPTION;
	if (i >= 0)
		put_row(o, (unsigned)i, false);
	for (unsigned k = 0; i < 0 && hm_options_info(k) != NULL; k++)
		put_row(o, k, true);
	return HM_MAIL_DONE;
}

static enum hm_mail_status bad_value(const struct hm_option_info *row, struct hm_out *o)
{
	char expected[256];
	struct hm_text t;

	hm_text_init(&t, expected, sizeof expected);
	hm_option_value_expected(row, &t);
	hm_out_str(o, expected);
	return HM_MAIL_BAD_VALUE;
}

static enum hm_mail_status set(const char *text, struct hm_out *o)
{
	char name[64];
	struct hm_text t;
	int i;

	hm_text_init(&t, name, sizeof name);
	for (; *text != '=' && *text != '\0'; text++)
		hm_text_char(&t, *text);
	i = hm_options_find(name);
	if (*text != '=')
		return HM_MAIL_MALFORMED;
	if (i < 0)
		return HM_MAIL_NO_OPTION;
	switch (hm_options_change((unsigned)i, text + 1)) {
	case HM_OPTION_SET:
		if (!hm_profile_follow())
			return HM_MAIL_FIXED;
		put_row(o, (unsigned)i, false);
		return HM_MAIL_DONE;
	case HM_OPTION_BAD:
		return bad_value(hm_options_info((unsigned)i), o);
	default:
		return HM_MAIL_FIXED;
	}
}

/* The option tells what is: the administrator's file may have fixed it. */
static enum hm_mail_status switch_profile(const char *value, struct hm_out *o)
{
	unsigned i = (unsigned)hm_options_find("profile");

	if (hm_options_change(i, value) != HM_OPTION_SET)
		return HM_MAIL_FIXED;
	if (hm_profile_follow())
		return HM_MAIL_DONE;
	hm_out_str(o, "there is no memory for a profile");
	return HM_MAIL_FAILED;
}

static enum hm_mail_status profile_start(const char *text, struct hm_out *o)
{
	(void)text;
	return switch_profile("yes", o);
}

static enum hm_mail_status profile_stop(const char *text, struct hm_out *o)
{
	(void)text;
	return switch_profile("no", o);
}

/* With the mappings, which are a file of the kernel's. */
static enum hm_mail_status profile_dump(const char *text, struct hm_out *o)
{
	(void)text;
	if (!hm_background_has_files())
		hm_out_str(o, "the system does not let its helper open files");
	else if (hm_profile_put(o))
		return HM_MAIL_DONE;
	else
		hm_out_str(o, "no profile was begun");
	return HM_MAIL_FAILED;
}

/* again: that an answer found no room is no harm, and it can be asked for once more. */
static const struct command {
	enum hm_command number;
	bool again;
	enum hm_mail_status (*run)(const char *text, struct hm_out *o);
} commands[] = {
	{ HM_COMMAND_STATS_TEXT, true, stats_text },
	{ HM_COMMAND_STATS_JSON, true, stats_json },
	{ HM_COMMAND_FIGURES, true, figures },
	{ HM_COMMAND_PURGE, false, purge },
	{ HM_COMMAND_GET, true, get },
	{ HM_COMMAND_SET, false, set },
	{ HM_COMMAND_PROFILE_START, false, profile_start },
	{ HM_COMMAND_PROFILE_STOP, false, profile_stop },
	{ HM_COMMAND_PROFILE_DUMP, true, profile_dump },
};

static const struct command *find(uint32_t number)
{
	for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (commands[i].number == number)
			return &commands[i];
	return NULL;
}

/* ---- the answer ---- */

struct answer {
	char *at;
	size_t size;
	enum hm_mail_status status;
};

/*
 * Forgotten before it goes: a fork between the two leaves the child a mapping at most, and never
 * the address of one that is another's by now.
 */
static void drop_larger(void)
{
	char *at = channel.larger;

	channel.larger = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	if (at != NULL && !hm_os_unmap(at, channel.larger_size))
		channel.larger = at;
}

static bool take_larger(size_t size)
{
	drop_larger();
	if (channel.larger == NULL) {
		channel.larger_size = hm_align_up(size + size / 4, LARGER);
		channel.larger = hm_os_map_aligned(channel.larger_size, LARGER, false);
	}
	return channel.larger != NULL && channel.larger_size >= size;
}

/* Statistics of many threads are long, and may be longer when they are asked for again. */
static struct answer run(const struct command *c, const char *text)
{
	struct answer a = { .at = channel.first };
	size_t room = sizeof channel.first;
	struct hm_out o;

	for (unsigned i = 0; i < 4; i++) {
		hm_out_begin_memory(&o, a.at, room);
		a.status = c->run(text, &o);
		a.size = hm_out_end_memory(&o);
		if (a.size <= room)
			return a;
		if (!c->again || !take_larger(a.size))
			break;
		a.at = channel.larger;
		room = channel.larger_size;
	}
	return (struct answer){ .status = HM_MAIL_NO_MEMORY };
}

/* ---- the mailbox ---- */

/* Copied once: who wrote it may write again meanwhile, and the compiler does not know that. */
static void copy_mail(struct hm_mail *to)
{
	const volatile unsigned char *from = (const volatile unsigned char *)&hm_mailbox.mail;
	unsigned char *at = (unsigned char *)to;

	for (size_t i = 0; i < sizeof *to; i++)
		at[i] = from[i];
}

static bool is_sound(const struct hm_mail *mail, uint32_t ticket)
{
	if (mail->sum != hm_mail_sum(mail) || mail->ticket != ticket ||
	    mail->process != channel.process || mail->length >= sizeof mail->text ||
	    mail->text[mail->length] != '\0')
		return false;
	for (uint32_t i = 0; i < mail->length; i++)
		if (mail->text[i] < ' ' || mail->text[i] > '~')
			return false;
	return true;
}

static struct answer answer(const struct hm_mail *mail, uint32_t ticket)
{
	const struct command *c;

	if (!is_sound(mail, ticket))
		return (struct answer){ .status = HM_MAIL_MALFORMED };
	c = find(mail->command);
	if (c == NULL)
		return (struct answer){ .status = HM_MAIL_NO_COMMAND };
	return run(c, mail->text);
}

/* What is asked of another process, and was copied by a fork, is not answered. */
static void open_box(uint32_t process)
{
	channel.process = process;
	channel.seen = hm_load_relaxed(&hm_mailbox.request);
	hm_store_relaxed(&hm_mailbox.served, 0);
	hm_store_relaxed(&hm_mailbox.helper, (uint32_t)hm_os_thread_number());
	hm_store_release(&hm_mailbox.process, process);
}

void hm_channel_serve(void)
{
	uint32_t process = (uint32_t)hm_os_process(), ticket;
	struct hm_mail mail;
	struct answer a;

	if (channel.process != process)
		open_box(process);
	ticket = hm_load_acquire(&hm_mailbox.request);
	if (ticket == channel.seen || ticket == 0)
		return;
	channel.seen = ticket;
	copy_mail(&mail);
	/* Who reads the last answer is to see that it is no more. */
	hm_swap_acq_rel(&hm_mailbox.served, 0);
	drop_larger();
	a = answer(&mail, ticket);
	hm_store_relaxed(&hm_mailbox.status, (uint32_t)a.status);
	hm_store_relaxed(&hm_mailbox.answer, (uintptr_t)a.at);
	hm_store_relaxed(&hm_mailbox.answer_size, a.size);
	hm_store_release(&hm_mailbox.served, ticket);
}

static void close_box(void)
{
	hm_store_release(&hm_mailbox.process, 0);
	channel.process = 0;
}

HM_START_CODE void hm_channel_start(void)
{
	static const struct hm_background_service service = { hm_channel_serve, close_box };

	if (hm_options.expose)
		hm_background_set_service(&service);
}
