/*
 * ctl.c - hakmem-ctl: which processes run on hakmem, what they hold, and asking them for something.
 *
 * owns: nothing.
 * called from: the command line; man/hakmem-ctl.1 says how.
 */
#include "tools/tool.h"
#include "tools/ctl.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"usage: hakmem-ctl [OPTION]... list\n"
	"       hakmem-ctl [OPTION]... [PID] top\n"
	"       hakmem-ctl [OPTION]... PID COMMAND [ARGUMENT]...\n"
	"Looks into processes that run on hakmem, and has them do something.\n"
	"\n"
	"  list           the processes, with version, variant and memory\n"
	"  top            their memory as a table that is renewed; q ends it\n"
	"  stats          the statistics\n"
	"  purge          give all free memory back to the system\n"
	"  get [KEY]      an option, or all\n"
	"  set KEY=VALUE  change an option\n"
	"  dump FILE      the statistics into a file\n"
	"  profile start  begin a heap profile\n"
	"  profile stop   end it\n"
	"  profile dump FILE  write it to a file, for hakmem-prof\n"
	"\n"
	"All but list and top need a process with the option expose = yes.\n"
	"\n"
	"      --json          list, stats, dump: JSON\n"
	"  -i, --interval S    top: seconds between two tables (2)\n"
	"  -n, --iterations N  top: ends after N tables\n"
	"      --timeout S     waits S seconds for an answer (5)\n"
	"  -h, --help\n"
	"      --version\n"
	"\n"
	"Exits with 0 when it is done, 1 when the process refuses, 2 when the command line is\n"
	"wrong or nothing can be written, 3 when there is no such process or it has ended, 4 when\n"
	"it may not be looked at, 5 when it is not on this hakmem, 6 when it runs without expose,\n"
	"7 when it does not answer.\n";

enum { LONG_JSON = 256, LONG_TIMEOUT, LONG_VERSION };

static const struct option options[] = {
	{ "json", no_argument, NULL, LONG_JSON },
	{ "interval", required_argument, NULL, 'i' },
	{ "iterations", required_argument, NULL, 'n' },
	{ "timeout", required_argument, NULL, LONG_TIMEOUT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, LONG_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* ---- processes ---- */

static hm_noreturn void denied(long pid)
{
	char text[64], path[64];
	long scope = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/kernel/yama/ptrace_scope");
	f = fopen(path, "re");
	if (f != NULL && fgets(text, sizeof(text), f) != NULL)
		scope = strtol(text, NULL, 10);
	if (f != NULL)
		fclose(f);
	if (scope > 0 && geteuid() != 0)
		tool_die(CTL_DENIED,
			 "process %ld: it may not be looked at: be root "
			 "(kernel.yama.ptrace_scope is %ld)", pid, scope);
	tool_die(CTL_DENIED, "process %ld: it may not be looked at: be its user, or root", pid);
}

static hm_noreturn void cannot_open(const struct target *t, long pid, enum target_kind kind)
{
	switch (kind) {
	case TARGET_DENIED:
		denied(pid);
	case TARGET_FOREIGN:
		tool_die(CTL_NONE,
			 "process %ld: a program of another word size: take the hakmem-ctl of "
			 "that architecture", pid);
	case TARGET_NONE:
		tool_die(CTL_NONE, "process %ld: it does not run on hakmem; hakmem-doctor %ld "
			 "says why", pid, pid);
	case TARGET_OTHER:
		tool_die(CTL_NONE, "process %ld: it runs on hakmem %s, which hakmem-ctl %s does "
			 "not know: take the one of that version", pid, t->version,
			 PACKAGE_VERSION);
	case TARGET_KERNEL:
		tool_die(CTL_GONE, "process %ld: it has no memory: it has ended, or is the "
			 "kernel's", pid);
	default:
		tool_die(CTL_GONE, "process %ld: there is none, or it has ended", pid);
	}
}

void ctl_open(struct target *t, long pid)
{
	enum target_kind kind = target_open(t, pid);

	if (kind != TARGET_FOUND)
		cannot_open(t, pid, kind);
}

unsigned ctl_each(void (*f)(struct target *t, enum target_kind kind, void *arg), void *arg)
{
	static struct target t;
	DIR *d = opendir("/proc");
	unsigned closed = 0;
	struct dirent *e;

	if (d == NULL)
		tool_die(CTL_CANNOT, "/proc: %s", strerror(errno));
	while ((e = readdir(d)) != NULL) {
		enum target_kind kind;
		long pid;

		if (!tool_number(e->d_name, 1, INT_MAX, &pid))
			continue;
		kind = target_open(&t, pid);
		closed += kind == TARGET_DENIED;
		if (kind == TARGET_FOUND || kind == TARGET_OTHER)
			f(&t, kind, arg);
		target_close(&t);
	}
	closedir(d);
	return closed;
}

const char *ctl_size(char buf[16], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double n = (double)bytes;
	unsigned i = 0;

	for (; n >= 999.5 && i + 2 < sizeof(units); i++)
		n /= 1024;
	if (i == 0)
		snprintf(buf, 16, "%" PRIu64, bytes);
	else
		snprintf(buf, 16, n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[i]);
	return buf;
}

/* ---- questions ---- */

static hm_noreturn void no_answer(const struct target *t, enum asked why, const struct reply *r)
{
	long pid = t->pid;

	switch (why) {
	case ASKED_CLOSED:
		tool_die(CTL_CLOSED, t->passthrough
			 ? "process %ld: it is in passthrough mode, and has glibc's malloc"
			 : "process %ld: it runs without expose: start it with HAKMEM_EXPOSE=yes",
			 pid);
	case ASKED_HELPLESS:
		tool_die(CTL_CLOSED, "process %ld: it has no helper thread now; a child of fork "
			 "gets one with its first block above 128 KiB", pid);
	case ASKED_TRACED:
		tool_die(CTL_SILENT, "process %ld: it does not answer: process %ld traces it", pid,
			 r->tracer);
	case ASKED_STOPPED:
		tool_die(CTL_SILENT, "process %ld: it is stopped; it can answer after "
			 "SIGCONT", pid);
	case ASKED_BUSY:
		tool_die(CTL_SILENT, "process %ld: another hakmem-ctl is asking it", pid);
	case ASKED_REFUSED:
		tool_die(CTL_SILENT, "process %ld: it does not answer: the system forbids "
			 "ptrace, by which it is woken", pid);
	case ASKED_GONE:
		tool_die(CTL_GONE, "process %ld: it has ended, or executed another program", pid);
	default:
		tool_die(CTL_SILENT, "process %ld: it does not answer", pid);
	}
}

static hm_noreturn void refused(const struct target *t, const struct reply *r, const char *text)
{
	switch (r->status) {
	case HM_MAIL_NO_COMMAND:
		tool_die(CTL_REFUSED, "process %ld: its hakmem %s cannot do that", t->pid,
			 t->version);
	case HM_MAIL_NO_OPTION:
		tool_die(CTL_REFUSED, "%.*s: no such option", (int)strcspn(text, "="), text);
	case HM_MAIL_BAD_VALUE:
		tool_die(CTL_REFUSED, "%s: not %s", text, r->text);
	case HM_MAIL_FIXED:
		tool_die(CTL_REFUSED, "%.*s: does not change while the program runs, or the "
			 "configuration does not let it", (int)strcspn(text, "="), text);
	case HM_MAIL_FAILED:
		tool_die(CTL_REFUSED, "process %ld: %s", t->pid, r->text);
	case HM_MAIL_NO_MEMORY:
		tool_die(CTL_REFUSED, "process %ld: it has no memory for the answer", t->pid);
	default:
		tool_die(CTL_REFUSED, "%s: not understood", text);
	}
}

static void must_ask(const struct ctl *c, const struct target *t, enum hm_command command,
		     const char *text, struct reply *r)
{
	enum asked asked = ask(t, command, text, c->timeout, r);

	if (asked != ASKED_ANSWERED)
		no_answer(t, asked, r);
	if (r->status != HM_MAIL_DONE)
		refused(t, r, text);
}

/* Another program wrote it: nothing in it is for the terminal. */
static void print(FILE *out, const struct reply *r)
{
	for (size_t i = 0; i < r->size; i++) {
		char c = r->text[i];

		putc(c == '\n' || (c >= ' ' && c <= '~') ? c : '?', out);
	}
}

static void counters(const struct target *t, bool json)
{
	struct target_figures f;

	if (!target_figures(t, &f))
		no_answer(t, ASKED_GONE, NULL);
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = {
		{ "resident", target_resident(t) }, { "held", f.held },
		{ "free", f.free },	     { "holes", f.holes },
		{ "large_blocks", f.large_blocks }, { "large_bytes", f.large },
		{ "heaps", f.heaps },	     { "given_back", f.purged },
		{ "maps", f.maps },		     { "unmaps", f.unmaps },
		{ "failures", f.failed },
	};

	if (json)
		printf("{\"pid\": %ld", t->pid);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf(json ? ", \"%s\": %" PRIu64 : "%-14s %20" PRIu64 "\n", rows[i].name,
		       rows[i].n);
	if (json)
		puts("}");
}

static int stats(const struct ctl *c, const struct target *t)
{
	enum hm_command command = c->json ? HM_COMMAND_STATS_JSON : HM_COMMAND_STATS_TEXT;
	struct reply r;
	enum asked asked = ask(t, command, "", c->timeout, &r);

	if (asked == ASKED_CLOSED || asked == ASKED_HELPLESS) {
		tool_say("process %ld: without expose these are its counters alone", t->pid);
		counters(t, c->json);
		return CTL_DONE;
	}
	if (asked != ASKED_ANSWERED)
		no_answer(t, asked, &r);
	if (r.status != HM_MAIL_DONE)
		refused(t, &r, "stats");
	print(stdout, &r);
	return CTL_DONE;
}

static int purge(const struct ctl *c, const struct target *t)
{
	uint64_t before = target_resident(t), after;
	struct reply r;

	must_ask(c, t, HM_COMMAND_PURGE, "", &r);
	after = target_resident(t);
	printf("resident before  %20" PRIu64 "\nresident after   %20" PRIu64
	       "\ngiven back       %20" PRIu64 "\n",
	       before, after, (uint64_t)strtoull(r.text, NULL, 10));
	return CTL_DONE;
}

static int option(const struct ctl *c, const struct target *t, enum hm_command command,
		  const char *text)
{
	struct reply r;

	must_ask(c, t, command, text, &r);
	if (command == HM_COMMAND_GET)
		print(stdout, &r);
	return CTL_DONE;
}

/* The file is this program's, not the process's: that opens none that it is told. */
static int dump(const struct ctl *c, const struct target *t, enum hm_command command,
		const char *name)
{
	struct reply r;
	bool good;
	FILE *f;
	int fd;

	must_ask(c, t, command, "", &r);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f == NULL)
		tool_die(CTL_CANNOT, "%s: %s", name, strerror(errno));
	good = fwrite(r.text, 1, r.size, f) == r.size;
	if (fclose(f) != 0 || !good)
		tool_die(CTL_CANNOT, "%s: %s", name, strerror(errno));
	return CTL_DONE;
}

static int profile(const struct ctl *c, const struct target *t, char **words)
{
	struct reply r;

	if (strcmp(words[0], "dump") == 0)
		return dump(c, t, HM_COMMAND_PROFILE_DUMP, words[1]);
	must_ask(c, t, strcmp(words[0], "start") == 0 ? HM_COMMAND_PROFILE_START
						      : HM_COMMAND_PROFILE_STOP, "profile", &r);
	return CTL_DONE;
}

/* ---- the command line ---- */

static hm_noreturn void usage(void)
{
	tool_die(CTL_CANNOT, "hakmem-ctl --help says how it is used");
}

/* Seconds, with a fraction if wanted. */
static long milliseconds(const char *name, const char *s)
{
	double n = -1;
	char *end = NULL;

	if (isdigit((unsigned char)*s) || *s == '.')
		n = strtod(s, &end);
	if (end == NULL || *end != '\0' || end == s || !(n >= 0.01) || !(n <= 86400))
		tool_die(CTL_CANNOT, "--%s %s: not a number of seconds from 0.01 to 86400", name,
			 s);
	return (long)(n * 1000);
}

static void take(struct ctl *c, int letter)
{
	switch (letter) {
	case LONG_JSON:
		c->json = true;
		break;
	case 'i':
		c->interval = milliseconds("interval", optarg);
		break;
	case 'n':
		if (!tool_number(optarg, 1, INT_MAX, &c->iterations))
			tool_die(CTL_CANNOT, "--iterations %s: not a number from 1", optarg);
		break;
	case LONG_TIMEOUT:
		c->timeout = milliseconds("timeout", optarg);
		break;
	case LONG_VERSION:
		tool_version(CTL_CANNOT);
	case 'h':
		fputs(help, stdout);
		exit(tool_finish(0, CTL_CANNOT));
	default:
		usage();
	}
}

static const struct {
	const char *name;
	int least, most; /* arguments behind it */
} commands[] = {
	{ "top", 0, 0 }, { "stats", 0, 0 }, { "purge", 0, 0 },
	{ "get", 0, 1 }, { "set", 1, 1 },   { "dump", 1, 1 }, { "profile", 1, 2 },
};

static void check_command(const char *name, int arguments)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (arguments >= commands[i].least && arguments <= commands[i].most)
			return;
		tool_say(arguments > commands[i].most ? "%s: too many arguments"
						      : "%s: what is missing",
			 name);
		usage();
	}
	tool_say("%s: no such command", name);
	usage();
}

static void check_profile(char **words, int count)
{
	bool is_dump = count > 0 && strcmp(words[0], "dump") == 0;

	if (!is_dump && strcmp(words[0], "start") != 0 && strcmp(words[0], "stop") != 0)
		tool_die(CTL_CANNOT, "profile %s: not start, stop or dump", words[0]);
	if (count != 1 + is_dump)
		tool_die(CTL_CANNOT, is_dump ? "profile %s: to what file" :
					       "profile %s: too many arguments", words[0]);
}

/* words: what is behind the command, then NULL. */
static int run(const struct ctl *c, long pid, const char *name, char **words)
{
	const char *argument = words[0];
	static struct target t;

	if (strcmp(name, "top") == 0)
		return ctl_top(c, pid);
	if (strcmp(name, "set") == 0 && strchr(argument, '=') == NULL)
		tool_die(CTL_CANNOT, "set %s: not KEY=VALUE", argument);
	ctl_open(&t, pid);
	if (strcmp(name, "stats") == 0)
		return stats(c, &t);
	if (strcmp(name, "purge") == 0)
		return purge(c, &t);
	if (strcmp(name, "dump") == 0)
		return dump(c, &t, c->json ? HM_COMMAND_STATS_JSON : HM_COMMAND_STATS_TEXT,
			    argument);
	if (strcmp(name, "profile") == 0)
		return profile(c, &t, words);
	return option(c, &t, strcmp(name, "set") == 0 ? HM_COMMAND_SET : HM_COMMAND_GET,
		      argument == NULL ? "" : argument);
}

int main(int argc, char **argv)
{
	struct ctl c = { .timeout = 5000, .interval = 2000 };
	int letter, words;
	long pid;

	tool_name = "hakmem-ctl";
	while ((letter = getopt_long(argc, argv, "i:n:h", options, NULL)) != -1)
		take(&c, letter);
	argv += optind;
	words = argc - optind;
	if (words == 0) {
		tool_say("no command");
		usage();
	}
	if (words == 1 && strcmp(argv[0], "list") == 0)
		return tool_finish(ctl_list(&c), CTL_CANNOT);
	if (words == 1 && strcmp(argv[0], "top") == 0)
		return tool_finish(ctl_top(&c, 0), CTL_CANNOT);
	if (!tool_number(argv[0], 1, INT_MAX, &pid))
		tool_die(CTL_CANNOT, "%s: not the number of a process, list or top", argv[0]);
	if (words == 1) {
		tool_say("no command for process %ld", pid);
		usage();
	}
	check_command(argv[1], words - 2);
	if (strcmp(argv[1], "profile") == 0)
		check_profile(argv + 2, words - 2);
	letter = run(&c, pid, argv[1], argv + 2);
	return tool_finish(letter, CTL_CANNOT);
}
