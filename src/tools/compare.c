/*
 * compare.c - one program on several allocators, in turns: the order changes with each round,
 * so that what else the machine does falls on all of them.
 *
 * owns: the child that runs now, which ends with this program.
 * called from: tools/run.c.
 */
#include "tools/tool.h"
#include "tools/compare.h"

#include "tools/compare_table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long an interrupted child may take to end before it is killed, in tenths of a second. */
#define GRACE 20

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	stopped = number;
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What a pipe holds is wanted by every run, so it is read once and kept. */
static int keep_input(void)
{
	struct stat st;
	char buf[65536];
	ssize_t n;
	int fd;

	if (fstat(STDIN_FILENO, &st) != 0 || S_ISCHR(st.st_mode))
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (S_ISREG(st.st_mode))
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	fd = memfd_create("hakmem-input", MFD_CLOEXEC);
	while (fd >= 0 && (n = read(STDIN_FILENO, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR && !stopped)
			continue;
		if (n < 0 || write(fd, buf, (size_t)n) != n) {
			close(fd);
			return -1;
		}
	}
	return fd;
}

struct files {
	int input, output, errors;
	off_t start; /* of the input */
};

static void open_files(const struct compare *c, struct files *f)
{
	off_t at;

	f->input = keep_input();
	if (f->input < 0)
		tool_die(EXIT_CANNOT, "cannot keep standard input: %s", strerror(errno));
	at = lseek(STDIN_FILENO, 0, SEEK_CUR);
	f->start = at > 0 ? at : 0;
	if (c->output != NULL && strcmp(c->output, "-") == 0)
		f->output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		f->output = open(c->output == NULL ? "/dev/null" : c->output,
				 O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	if (f->output < 0)
		tool_die(EXIT_CANNOT, "%s: %s", c->output, strerror(errno));
	f->errors = memfd_create("hakmem-errors", MFD_CLOEXEC);
	if (f->errors < 0)
		tool_die(EXIT_CANNOT, "%s", strerror(errno));
}

static void close_files(struct files *f)
{
	close(f->input);
	close(f->output);
	close(f->errors);
}

static hm_noreturn void child(const struct compare *c, const char *library, const struct files *f)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	/* A group of its own: what is interrupted is ended whole. */
	setpgid(0, 0);
	if (library != NULL)
		program_preload(library);
	if (dup2(f->input, STDIN_FILENO) < 0 || dup2(f->output, STDOUT_FILENO) < 0 ||
	    dup2(f->errors, STDERR_FILENO) < 0)
		_exit(EXIT_CANNOT);
	program_exec(c->program, c->arguments);
	dprintf(STDERR_FILENO, "%s: %s\n", c->program->path, strerror(errno));
	_exit(EXIT_CANNOT);
}

/* An interrupted child gets the same signal, and some time. */
static void end_child(pid_t pid)
{
	const struct timespec tenth = { 0, 100000000 };
	siginfo_t info;

	kill(-pid, stopped);
	for (int i = 0; i < GRACE; i++) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == pid)
			break;
		nanosleep(&tenth, NULL);
	}
	kill(-pid, SIGKILL);
}

/* False when interrupted. */
static bool run_once(const struct compare *c, const char *library, const struct files *f,
		     struct compare_sample *out)
{
	struct rusage use;
	double begin;
	pid_t pid;

	if (lseek(f->input, f->start, SEEK_SET) < 0)
		lseek(f->input, 0, SEEK_SET);
	if (ftruncate(f->errors, 0) == 0)
		lseek(f->errors, 0, SEEK_SET);
	fflush(NULL);
	begin = now();
	pid = fork();
	if (pid < 0)
		tool_die(EXIT_CANNOT, "%s", strerror(errno));
	if (pid == 0)
		child(c, library, f);
	while (wait4(pid, &out->status, 0, &use) < 0) {
		if (stopped)
			end_child(pid);
	}
	out->values[COMPARE_WALL] = now() - begin;
	out->values[COMPARE_CPU] = seconds_of(use.ru_utime) + seconds_of(use.ru_stime);
	out->values[COMPARE_PEAK] = (double)use.ru_maxrss / 1024;
	out->values[COMPARE_FAULTS] = (double)(use.ru_minflt + use.ru_majflt);
	return !stopped;
}

/* What a run that failed said, its last line. */
static void last_words(const struct files *f, char *out, size_t size)
{
	off_t end = lseek(f->errors, 0, SEEK_END);
	off_t room = (off_t)size - 1;
	ssize_t n = pread(f->errors, out, (size_t)room, end > room ? end - room : 0);
	char *line;

	out[n > 0 ? n : 0] = '\0';
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == ' '))
		out[--n] = '\0';
	line = strrchr(out, '\n');
	if (line != NULL)
		memmove(out, line + 1, strlen(line + 1) + 1);
}

/* A status in words: "exit 3", "signal 11". */
static void status_text(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "signal %d", WTERMSIG(status));
	else
		snprintf(out, size, "exit %d", WEXITSTATUS(status));
}

/* Whether the run went well; if not, one line. */
static bool check_sample(const char *name, unsigned round, const struct compare_sample *got,
			 int expected, const struct files *f)
{
	char words[256], is[32], was[32];

	if (got->status == expected && !WIFSIGNALED(got->status))
		return true;
	status_text(got->status, is, sizeof(is));
	status_text(expected, was, sizeof(was));
	last_words(f, words, sizeof(words));
	tool_say("round %u on %s: %s%s%s%s%s", round + 1, name, is,
		 got->status == expected ? "" : ", not ", got->status == expected ? "" : was,
		 words[0] == '\0' ? "" : ": ", words);
	return false;
}

static void progress(const struct compare *c, unsigned done, unsigned all)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (done < all && !stopped)
		fprintf(stderr, "\r%s: run %u of %u ", c->program->path, done + 1, all);
	else
		fprintf(stderr, "\r\033[K");
}

/* The loader is asked first, lest glibc's malloc be measured under another's name. */
static void check_sides(const struct compare *c)
{
	for (unsigned i = 0; i < c->nr_libraries; i++) {
		struct elf_file elf;

		program_library(c->libraries[i], &elf);
		if (!program_loads(c->program, c->libraries[i], c->libraries[i]))
			tool_die(EXIT_CANNOT, "%s: the loader does not load it into %s",
				 c->libraries[i], c->program->loaded);
		if (program_loads(c->program, NULL, c->libraries[i]) ||
		    program_loads(c->program, NULL, "/libhakmem"))
			tool_die(EXIT_CANNOT,
				 "%s: runs on hakmem already (LD_PRELOAD, /etc/ld.so.preload or "
				 "linked): nothing to compare",
				 c->program->loaded);
	}
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* Who started this may ignore it: then there is no child to wait for. */
	signal(SIGCHLD, SIG_DFL);
}

int compare_run(const struct compare *c)
{
	unsigned sides = c->nr_libraries + 1, round, done = 0;
	struct compare_sample *samples = calloc((size_t)sides * c->rounds, sizeof(*samples));
	struct files files;
	bool good = true;
	int expected = 0;

	if (samples == NULL)
		tool_die(EXIT_CANNOT, "%s", strerror(errno));
	check_sides(c);
	open_files(c, &files);
	catch_signals();
	for (round = 0; round < c->rounds && !stopped; round++) {
		for (unsigned i = 0; i < sides; i++) {
			/* The first run of all is on glibc's malloc: it tells the status. */
			unsigned side = (round + i) % sides;
			const char *library = side == 0 ? NULL : c->libraries[side - 1];
			struct compare_sample *s = &samples[side * c->rounds + round];

			progress(c, done++, sides * c->rounds);
			if (!run_once(c, library, &files, s))
				break;
			if (round == 0 && side == 0)
				expected = s->status;
			good &= check_sample(compare_name(library), round, s, expected, &files);
		}
	}
	progress(c, done, done);
	/* A round that was cut short does not count. */
	if (stopped)
		round--;
	close_files(&files);
	if (round > 0)
		compare_print(c, samples, round);
	free(samples);
	return stopped ? 128 + stopped : tool_finish(good ? 0 : 1, EXIT_CANNOT);
}
