/*
 * trial.c - the process that ends a trial.
 *
 * It has left the terminal and the session, holds no file but the list's folder, and acts as well
 * when it is told to end: so a system that is shut down within the time comes up as it was.
 * owns: NAME.hakmem-trial.
 * called from: tools/preload.c.
 */
#include "tools/tool.h"
#include "tools/trial.h"

#include "tools/entries.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* How long it waits for another hakmem-preload, in seconds. */
#define LOCK_WAIT 300

static void trial_name(const struct place *p, char *out)
{
	snprintf(out, NAME_MAX, "%s.hakmem-trial", p->name);
}

/* The file's text; empty when there is none. */
static void trial_text(const struct place *p, char *text, size_t size)
{
	char name[NAME_MAX];
	ssize_t n = 0;
	int fd;

	trial_name(p, name);
	fd = openat(p->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

void trial_read(const struct place *p, struct trial *out)
{
	char text[64], name[NAME_MAX];
	long long until = 0;

	memset(out, 0, sizeof(*out));
	trial_name(p, name);
	out->there = faccessat(p->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	trial_text(p, text, sizeof(text));
	if (sscanf(text, "%ld %lld", &out->pid, &until) != 2 || out->pid <= 1) {
		out->pid = 0;
		return;
	}
	out->seconds = (long)(until - (long long)time(NULL));
	out->watched = (kill((pid_t)out->pid, 0) == 0 || errno == EPERM) &&
		       out->seconds > -LOCK_WAIT;
}

bool trial_end(const struct place *p)
{
	char name[NAME_MAX];

	trial_name(p, name);
	if (unlinkat(p->folder, name, 0) == 0 || errno == ENOENT)
		return true;
	tool_say("%s: the trial goes on: %s", p->file, strerror(errno));
	return false;
}

static bool write_state(const struct place *p, const char *text)
{
	char name[NAME_MAX];
	bool good;
	int fd;

	trial_name(p, name);
	fd = openat(p->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	good = write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
	if (!good) {
		int error = errno;

		unlinkat(p->folder, name, 0);
		errno = error;
	}
	close(fd);
	return good;
}

/* As it was; or without the entry only, when somebody has changed the list since. */
static bool put_back(const struct place *p, const struct content *before, const char *after,
		     size_t size)
{
	struct content now;
	char *text = NULL;
	bool good = false;

	if (place_read(p, &now)) {
		if (now.size == size && memcmp(now.text, after, size) == 0) {
			good = place_write(p, before, before->text, before->size);
		} else {
			text = entries_edit(now.text, now.size, NULL, &size);
			good = place_write(p, &now, text, size);
		}
	}
	free(text);
	free(now.text);
	return good;
}

/* Under the lock. True: there is nothing more to do. */
static bool try_end(const struct place *p, const char *state, const struct content *before,
		    const char *after, size_t size)
{
	char text[64];

	trial_text(p, text, sizeof(text));
	if (strcmp(text, state) != 0)
		return true;
	return put_back(p, before, after, size) && trial_end(p);
}

/* A disk that is full now may have room later; what cannot be ended stays known as a trial. */
static bool end_trial(struct place *p, const char *state, const struct content *before,
		      const char *after, size_t size)
{
	const struct timespec second = { 1, 0 };
	bool done = false;

	for (int i = 0; !done && i < LOCK_WAIT; i++) {
		if (i > 0)
			nanosleep(&second, NULL);
		if (!place_lock(p, LOCK_WAIT))
			break;
		done = try_end(p, state, before, after, size);
		place_unlock(p);
		if (i == 0 && !done)
			syslog(LOG_ERR, "%s: the trial has ended, but hakmem cannot be taken out",
			       p->file);
	}
	syslog(done ? LOG_NOTICE : LOG_ERR, "%s: the trial has ended%s", p->file,
	       done ? "" : ", and hakmem stays until it is disabled");
	return done;
}

/* Looks each second whether the trial is still this one; false when it is not. */
static bool wait_out(const struct place *p, const char *state, long seconds, const sigset_t *end)
{
	const struct timespec second = { 1, 0 };
	char text[64];

	for (long i = 0; i < seconds; i++) {
		if (sigtimedwait(end, NULL, &second) > 0)
			break;
		trial_text(p, text, sizeof(text));
		if (strcmp(text, state) != 0)
			return false;
	}
	return true;
}

static hm_noreturn void watch(struct place *p, int go, const char *state, long seconds,
			      const struct content *before, const char *after, size_t size)
{
	char byte;
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
	/* Without the word the one that changes the list has died: it may have changed it. */
	if (read(go, &byte, 1) == 1 && !wait_out(p, state, seconds, &end))
		_exit(0);
	openlog("hakmem-preload", LOG_PID, LOG_DAEMON);
	_exit(end_trial(p, state, before, after, size) ? 0 : 1);
}

/* The terminal, its session and its files are left behind. */
static void detach(int keep_a, int keep_b, int keep_c)
{
	int null = open("/dev/null", O_RDWR);

	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	setsid();
	(void)!chdir("/");
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	for (int fd = 3; fd < 1024; fd++) {
		if (fd != keep_a && fd != keep_b && fd != keep_c)
			close(fd);
	}
}

int trial_start(const struct place *p, long seconds, const struct content *before,
		const char *after, size_t size)
{
	int go[2], ready[2];
	char state[64];
	int error = ECHILD;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		tool_say("no trial: %s", strerror(errno));
		return -1;
	}
	if (pid == 0) {
		struct place own = *p;

		/* The lock is the parent's; a lock file's last copy must not stay with us. */
		close(go[1]);
		detach(go[0], ready[1], p->folder);
		own.lock = -1;
		if (fork() != 0)
			_exit(0);
		snprintf(state, sizeof(state), "%ld %lld\n", (long)getpid(),
			 (long long)time(NULL) + seconds);
		error = write_state(p, state) ? 0 : errno;
		(void)!write(ready[1], &error, sizeof(error));
		close(ready[1]);
		if (error != 0)
			_exit(1);
		watch(&own, go[0], state, seconds, before, after, size);
	}
	waitpid(pid, NULL, 0);
	close(go[0]);
	close(ready[1]);
	if (read(ready[0], &error, sizeof(error)) != sizeof(error) || error != 0) {
		tool_say("%s: no trial: %s", p->file, strerror(error));
		close(go[1]);
		go[1] = -1;
	}
	close(ready[0]);
	return go[1];
}

void trial_go(int watcher)
{
	(void)!write(watcher, "", 1);
	close(watcher);
}
