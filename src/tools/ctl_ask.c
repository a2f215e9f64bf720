/*
 * ctl_ask.c - a mail, a ring of the bell, a push for the helper that sleeps, the answer.
 *
 * owns: nothing.
 * called from: tools/ctl*.c.
 * Who may open /proc/PID/mem can lock it, so that one asks at a time; where that lock is not seen
 * (another mount of /proc) the tickets tell whose answer it is.
 */
#include "tools/tool.h"
#include "tools/ctl_ask.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)256 << 20)
/* Milliseconds between two pushes: that it does not hear one is rare. */
#define AGAIN 100

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void rest_us(long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

static uint64_t box(const struct target *t, size_t member)
{
	return (uintptr_t)t->view.mailbox + member;
}

#define BOX(t, member) box(t, offsetof(struct hm_mailbox, member))

static bool read_word(const struct target *t, uint64_t at, uint32_t *out)
{
	return target_read(t, at, out, sizeof(*out));
}

/* ---- the helper ---- */

/* Its number here, from that in its own namespace. 0: it is not there. */
static long helper_thread(const struct target *t, uint32_t number)
{
	char path[64], file[320], text[256];
	struct dirent *e;
	long found = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%ld/task", t->pid);
	d = opendir(path);
	while (d != NULL && found == 0 && (e = readdir(d)) != NULL) {
		char *last;

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "task/%s/status", e->d_name);
		if (!target_status(t->pid, file, "NSpid:", text, sizeof(text)))
			continue;
		last = strrchr(text, '\t');
		if (strtoul(last == NULL ? text : last + 1, NULL, 10) == number)
			found = strtol(e->d_name, NULL, 10);
	}
	if (d != NULL)
		closedir(d);
	return found;
}

/* One character of /proc/PID/task/THREAD/status. */
static char state_of(const struct target *t, long thread)
{
	char file[64], text[64] = "?";

	snprintf(file, sizeof(file), "task/%ld/status", thread);
	(void)target_status(t->pid, file, "State:", text, sizeof(text));
	return text[0];
}

static long tracer_of(const struct target *t, long thread)
{
	char file[64], text[64] = "0";

	snprintf(file, sizeof(file), "task/%ld/status", thread);
	(void)target_status(t->pid, file, "TracerPid:", text, sizeof(text));
	return strtol(text, NULL, 10);
}

/*
 * Its sleep is interrupted, and begins again. While it is stopped nothing may stop us; if
 * something ends us, the kernel lets it go on. False: the kernel does not let us.
 */
static bool push(long thread, long until)
{
	sigset_t all, old;
	int status, error = 0;
	pid_t got = 0;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	if (ptrace(PTRACE_SEIZE, (pid_t)thread, NULL, NULL) != 0)
		error = errno;
	else if (ptrace(PTRACE_INTERRUPT, (pid_t)thread, NULL, NULL) == 0) {
		while ((got = waitpid((pid_t)thread, &status, __WALL | WNOHANG)) == 0 &&
		       now_ms() < until)
			rest_us(50);
		if (got > 0 && WIFSTOPPED(status))
			ptrace(PTRACE_DETACH, (pid_t)thread, NULL, NULL);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return error == 0 || error == ESRCH;
}

/* ---- a question ---- */

struct question {
	const struct target *t;
	uint32_t ticket, number;
	long thread, until;
	struct reply *reply;
};

static uint32_t random_word(void)
{
	uint32_t word = 0;

	while (word == 0 && getrandom(&word, sizeof(word), 0) != (ssize_t)sizeof(word))
		word = (uint32_t)now_ms();
	return word | 1;
}

static bool send(struct question *q, enum hm_command command, const char *text)
{
	struct hm_mail mail;

	memset(&mail, 0, sizeof(mail));
	q->ticket = random_word();
	mail.ticket = q->ticket;
	mail.process = q->t->self;
	mail.command = command;
	mail.length = (uint32_t)strlen(text);
	memcpy(mail.text, text, mail.length);
	mail.sum = hm_mail_sum(&mail);
	return target_write(q->t, BOX(q->t, mail), &mail, sizeof(mail)) &&
	       target_write(q->t, BOX(q->t, request), &q->ticket, sizeof(q->ticket));
}

/* Any other value than the bell has. */
static bool ring(const struct question *q)
{
	uint32_t word = random_word();

	return target_write(q->t, (uintptr_t)q->t->view.bell, &word, sizeof(word));
}

static bool is_served(const struct question *q, bool *gone)
{
	uint32_t served = 0;

	*gone = !read_word(q->t, BOX(q->t, served), &served);
	return !*gone && served == q->ticket;
}

/* False: it was overwritten while it was read, by the answer to somebody else. */
static bool fetch(const struct question *q)
{
	struct reply *r = q->reply;
	uintptr_t at = 0;
	uint32_t status;
	bool gone;

	free(r->text);
	r->text = NULL;
	if (!read_word(q->t, BOX(q->t, status), &status) ||
	    !target_read(q->t, BOX(q->t, answer), &at, sizeof(at)) ||
	    !target_read(q->t, BOX(q->t, answer_size), &r->size, sizeof(r->size)) ||
	    status >= HM_MAIL_STATUSES || r->size > ANSWER_MAX)
		return false;
	r->status = (enum hm_mail_status)status;
	r->text = calloc(1, r->size + 1);
	if (r->text == NULL)
		tool_die(2, "%s", strerror(errno));
	return target_read(q->t, at, r->text, r->size) && is_served(q, &gone);
}

static enum asked wait_answer(struct question *q)
{
	long pushed = 0, rest = 20;
	bool refused = false, gone;

	while (!is_served(q, &gone)) {
		if (gone)
			return ASKED_GONE;
		if (now_ms() >= q->until)
			return refused ? ASKED_REFUSED : ASKED_SILENT;
		if (now_ms() - pushed >= AGAIN) {
			pushed = now_ms();
			if (!ring(q))
				return ASKED_GONE;
			/* One that runs looks at the bell before it sleeps. */
			if (state_of(q->t, q->thread) == 'S')
				refused = !push(q->thread, q->until);
		}
		rest_us(rest);
		rest = rest < 2000 ? rest * 2 : rest;
	}
	return ASKED_ANSWERED;
}

static bool lock(const struct question *q)
{
	while (flock(q->t->mem, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return true;
		if (now_ms() >= q->until)
			return false;
		rest_us(1000);
	}
	return true;
}

/* Why it does not answer, as far as can be seen. */
static enum asked why(const struct question *q, enum asked otherwise)
{
	char state = state_of(q->t, q->t->pid);

	q->reply->tracer = tracer_of(q->t, q->thread);
	if (state == '?' || state == 'Z' || state == 'X')
		return ASKED_GONE;
	if (state == 'T')
		return ASKED_STOPPED;
	return q->reply->tracer != 0 ? ASKED_TRACED : otherwise;
}

static enum asked prepare(struct question *q)
{
	uint32_t process = 0, helper = 0;
	uint64_t expose = 0;

	if (!read_word(q->t, BOX(q->t, process), &process) ||
	    !read_word(q->t, BOX(q->t, helper), &helper) ||
	    !target_read(q->t, (uintptr_t)q->t->view.expose, &expose, sizeof(expose)))
		return ASKED_GONE;
	if (expose == 0 || q->t->passthrough)
		return ASKED_CLOSED;
	if (process != q->t->self)
		return ASKED_HELPLESS;
	q->thread = helper_thread(q->t, helper);
	if (q->thread == 0)
		return state_of(q->t, q->t->pid) == '?' ? ASKED_GONE : ASKED_HELPLESS;
	return state_of(q->t, q->t->pid) == 'T' ? ASKED_STOPPED : ASKED_ANSWERED;
}

static enum asked ask_once(struct question *q, enum hm_command command, const char *text)
{
	enum asked result = send(q, command, text) ? wait_answer(q) : ASKED_GONE;

	if (result == ASKED_ANSWERED && !fetch(q))
		return ASKED_BUSY;
	if (result == ASKED_SILENT || result == ASKED_REFUSED)
		return why(q, result);
	return result;
}

enum asked ask(const struct target *t, enum hm_command command, const char *text, long ms,
	       struct reply *reply)
{
	struct question q = { .t = t, .until = now_ms() + ms, .reply = reply };
	enum asked result;

	memset(reply, 0, sizeof(*reply));
	if (strlen(text) >= HM_MAIL_TEXT) {
		reply->status = HM_MAIL_MALFORMED;
		return ASKED_ANSWERED;
	}
	if (!lock(&q))
		return ASKED_BUSY;
	result = prepare(&q);
	/* What changes something is asked for once. */
	if (result == ASKED_ANSWERED)
		result = ask_once(&q, command, text);
	flock(t->mem, LOCK_UN);
	return result;
}
