/*
 * preload.c - hakmem-preload: has the loader put hakmem into every program of the system, or takes
 * it out again.
 *
 * owns: nothing.
 * called from: the command line; man/hakmem-preload.8 says how.
 */
#include "tools/tool.h"
#include "tools/entries.h"
#include "tools/foreign.h"
#include "tools/place.h"
#include "tools/selftest.h"
#include "tools/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECONDS 60
#define SECONDS_MAX 86400
/* How long a command waits for another one. */
#define LOCK_WAIT 60

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_OFF = 3, EXIT_WRONG = 4 };

static const char help[] =
	"usage: hakmem-preload [OPTION]... enable|try|keep|disable|status\n"
	"Has every program of the system run on hakmem, by /etc/ld.so.preload.\n"
	"\n"
	"  enable   try the library with programs of the system, then put it in the list\n"
	"  try      the same, and take it out again after a while, unless kept\n"
	"  keep     what is tried stays\n"
	"  disable  take it out of the list\n"
	"  status   what is in the list, and whether it can be loaded\n"
	"\n"
	"      --seconds N     with try: how long (60)\n"
	"  -l, --library FILE  the library, instead of the installed one\n"
	"      --root DIR      the system below DIR: its programs, its list, its library\n"
	"      --file FILE     this list instead of /etc/ld.so.preload\n"
	"      --json          with status: print JSON\n"
	"\n"
	"  -h, --help\n"
	"      --version\n"
	"\n"
	"Exits with 0 when it is as asked; 1 when it was refused or failed, and nothing was\n"
	"changed; 2 when the command line is wrong. status: 0 in the list and sound, 3 not in the\n"
	"list, 4 something is wrong.\n";

enum { LONG_SECONDS = 256, LONG_ROOT, LONG_FILE, LONG_JSON, LONG_VERSION };

static const struct option options[] = {
	{ "seconds", required_argument, NULL, LONG_SECONDS },
	{ "library", required_argument, NULL, 'l' },
	{ "root", required_argument, NULL, LONG_ROOT },
	{ "file", required_argument, NULL, LONG_FILE },
	{ "json", no_argument, NULL, LONG_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, LONG_VERSION },
	{ NULL, 0, NULL, 0 },
};

struct request {
	const char *lib, *root, *file;
	bool json;
	long seconds; /* of a trial; 0: enabled for good */
};

/* Makes the change, and undoes it when programs fail then. */
static bool change(const struct request *r, const struct place *p, const struct content *before,
		   const char *text, size_t size)
{
	int watcher = -1;

	if (r->seconds > 0) {
		watcher = trial_start(p, r->seconds, before, text, size);
		if (watcher < 0)
			return false;
	}
	if (!place_write(p, before, text, size)) {
		trial_end(p);
		return false;
	}
	if (r->file == NULL && !selftest_alive(p)) {
		place_write(p, before, before->text, before->size);
		trial_end(p);
		tool_say("%s: refused: in force, programs fail; it is as it was", p->file);
		return false;
	}
	if (watcher >= 0)
		trial_go(watcher);
	return true;
}

static bool any_rival(const struct place *p, const struct content *c)
{
	struct entry e = { 0 };
	bool rival = false;

	while (!rival && entries_next(c->text, c->size, &e)) {
		char *text = e.ours ? NULL : strndup(c->text + e.at, e.length);

		rival = text != NULL && selftest_rival(p, text);
		free(text);
	}
	return rival;
}

static int already(const struct request *r, const struct place *p, const char *entry)
{
	struct trial trial;

	trial_read(p, &trial);
	if (r->seconds == 0 && trial.there && !trial_end(p))
		return EXIT_REFUSED;
	printf("%s: names %s already%s\n", p->file, entry,
	       r->seconds == 0 && trial.there ? ", and keeps it now" : "");
	return EXIT_DONE;
}

static int enable_locked(const struct request *r, const struct place *p, const char *entry)
{
	struct content before;
	struct trial trial;
	char *text;
	size_t size;
	int result = EXIT_REFUSED;

	if (!place_read(p, &before))
		return EXIT_REFUSED;
	if (entries_have_only(before.text, before.size, entry)) {
		free(before.text);
		return already(r, p, entry);
	}
	trial_read(p, &trial);
	if (trial.there && trial.watched)
		tool_say("%s: a trial is under way: keep or disable it first", p->file);
	if ((trial.there && trial.watched) || any_rival(p, &before)) {
		free(before.text);
		return EXIT_REFUSED;
	}
	text = entries_edit(before.text, before.size, entry, &size);
	if (trial_end(p) && change(r, p, &before, text, size)) {
		result = EXIT_DONE;
		if (r->seconds > 0)
			printf("%s: names %s for %ld s; hakmem-preload keep makes it stay\n",
			       p->file, entry, r->seconds);
		else
			printf("%s: names %s; programs started from now on use it\n", p->file,
			       entry);
	}
	free(text);
	free(before.text);
	return result;
}

static int enable(const struct request *r, struct place *p)
{
	char installed[PATH_MAX], entry[PATH_MAX];
	const char *library = r->lib;
	int result;

	if (library == NULL) {
		if (!tool_library(NULL, false, installed, sizeof(installed)))
			return EXIT_REFUSED;
		library = installed;
	}
	if (!selftest_library(p, library))
		return EXIT_REFUSED;
	selftest_entry(p, library, entry, sizeof(entry));
	/* Before the lock: it takes its time, and changes nothing. */
	if (!selftest_programs(p, entry) || !place_lock(p, LOCK_WAIT))
		return EXIT_REFUSED;
	result = enable_locked(r, p, entry);
	place_unlock(p);
	if (result == EXIT_DONE && r->file == NULL)
		foreign_warn(p, entry);
	return result;
}

static bool any_ours(const struct content *c)
{
	struct entry e = { 0 };

	while (entries_next(c->text, c->size, &e)) {
		if (e.ours)
			return true;
	}
	return false;
}

static int disable_locked(const struct place *p)
{
	struct content before;
	bool good = true;

	if (!place_read(p, &before))
		return EXIT_REFUSED;
	if (any_ours(&before)) {
		size_t size;
		char *text = entries_edit(before.text, before.size, NULL, &size);

		good = place_write(p, &before, text, size);
		free(text);
		if (good)
			printf("%s: hakmem is taken out; programs started now run without it\n",
			       p->file);
	} else {
		printf("%s: does not name hakmem\n", p->file);
	}
	free(before.text);
	return good && trial_end(p) ? EXIT_DONE : EXIT_REFUSED;
}

static int keep_locked(const struct place *p)
{
	struct trial trial;

	trial_read(p, &trial);
	if (!trial.there) {
		tool_say("%s: there is no trial", p->file);
		return EXIT_REFUSED;
	}
	if (!trial_end(p))
		return EXIT_REFUSED;
	printf("%s: stays as it is\n", p->file);
	return EXIT_DONE;
}

static int locked(struct place *p, int (*what)(const struct place *))
{
	int result;

	if (!place_lock(p, LOCK_WAIT))
		return EXIT_REFUSED;
	result = what(p);
	place_unlock(p);
	return result;
}

/* An entry's text, and whether the loader can load it. */
static void show_entry(const struct request *r, const char *text, bool ours, int loads, bool first)
{
	static const char *const words[] = { "unknown", "missing", "loads" };

	if (r->json) {
		printf("%s\n  {\"library\": ", first ? "" : ",");
		tool_json(stdout, text);
		printf(", \"hakmem\": %s, \"loads\": %s}", ours ? "true" : "false",
		       loads < 0 ? "null" : loads ? "true" : "false");
	} else if (isatty(STDOUT_FILENO)) {
		printf("  %-50s %-8s%s\n", text, words[loads + 1], ours ? " hakmem" : "");
	} else {
		printf("entry\t%s\t%s\t%s\n", text, words[loads + 1], ours ? "hakmem" : "other");
	}
}

static void show_head(const struct request *r, const struct place *p, bool on,
		      const struct trial *trial)
{
	bool tty = isatty(STDOUT_FILENO);

	if (r->json) {
		printf("{\"file\": ");
		tool_json(stdout, p->file);
		printf(", \"enabled\": %s, \"trial\": ", on ? "true" : "false");
		if (trial->there)
			printf("{\"pid\": %ld, \"seconds_left\": %ld, \"watched\": %s}", trial->pid,
			       trial->seconds, trial->watched ? "true" : "false");
		else
			printf("null");
		printf(", \"entries\": [");
		return;
	}
	if (tty)
		printf("%s: hakmem is %s\n", p->file, on ? "enabled" : "not enabled");
	else
		printf("file\t%s\nhakmem\t%s\n", p->file, on ? "enabled" : "not enabled");
	if (trial->there && trial->watched)
		printf("trial%s%ld s left\n", tty ? ": " : "\t", trial->seconds);
	else if (trial->there)
		printf("trial%snobody ends it; use keep or disable\n", tty ? ": " : "\t");
}

static int status(const struct request *r, const struct place *p)
{
	struct content now;
	struct trial trial;
	struct entry e = { 0 };
	unsigned count = 0;
	bool sound, on;

	if (!place_read(p, &now))
		return EXIT_WRONG;
	trial_read(p, &trial);
	on = any_ours(&now);
	sound = !trial.there || trial.watched;
	show_head(r, p, on, &trial);
	while (entries_next(now.text, now.size, &e)) {
		char *text = strndup(now.text + e.at, e.length);
		int loads;

		if (text == NULL)
			tool_die(EXIT_WRONG, "%s", strerror(errno));
		loads = selftest_loads(p, text);
		sound = sound && loads != 0;
		show_entry(r, text, e.ours, loads, count++ == 0);
		free(text);
	}
	if (r->json)
		printf("\n]}\n");
	free(now.text);
	return !sound ? EXIT_WRONG : on ? EXIT_DONE : EXIT_OFF;
}

static int obey(struct request *r, const char *command)
{
	struct place p;

	if (!place_open(&p, r->root, r->file))
		return EXIT_REFUSED;
	if (strcmp(command, "enable") == 0 || strcmp(command, "try") == 0)
		return enable(r, &p);
	if (strcmp(command, "keep") == 0)
		return locked(&p, keep_locked);
	if (strcmp(command, "disable") == 0)
		return locked(&p, disable_locked);
	return status(r, &p);
}

static void take(struct request *r, int option)
{
	switch (option) {
	case LONG_SECONDS:
		if (!tool_number(optarg, 1, SECONDS_MAX, &r->seconds))
			tool_die(EXIT_USAGE, "--seconds %s: not a number from 1 to %d", optarg,
				 SECONDS_MAX);
		break;
	case 'l':
		r->lib = optarg;
		break;
	case LONG_ROOT:
		r->root = optarg;
		break;
	case LONG_FILE:
		r->file = optarg;
		break;
	case LONG_JSON:
		r->json = true;
		break;
	case LONG_VERSION:
		tool_version(EXIT_REFUSED);
	case 'h':
		fputs(help, stdout);
		exit(tool_finish(EXIT_DONE, EXIT_REFUSED));
	default:
		tool_die(EXIT_USAGE, "hakmem-preload --help says how it is used");
	}
}

/* Where they are closed, what is opened next, the list, would be printed to. */
static bool hold_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		/* As the first process of the kernel it may be without that. */
		if (fd < 0)
			fd = open("/", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return fd >= 0 && close(fd) == 0;
}

int main(int argc, char **argv)
{
	static const char *const commands[] = { "enable", "try", "keep", "disable", "status" };
	struct request r = { .seconds = 0 };
	const char *command = NULL;
	int option;

	tool_name = "hakmem-preload";
	if (!hold_standard_files())
		return EXIT_REFUSED;
	/* A full disk and a reader that went away are answers, no ends. */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* Ignored by who started this, it would take the children's ends away. */
	signal(SIGCHLD, SIG_DFL);
	umask(022);
	while ((option = getopt_long(argc, argv, "l:h", options, NULL)) != -1)
		take(&r, option);
	for (size_t i = 0; optind == argc - 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[optind], commands[i]) == 0)
			command = commands[i];
	}
	if (command == NULL)
		tool_die(EXIT_USAGE, "one of enable, try, keep, disable and status is needed");
	if (strcmp(command, "try") != 0 && r.seconds != 0)
		tool_die(EXIT_USAGE, "--seconds is for try");
	if (strcmp(command, "status") != 0 && r.json)
		tool_die(EXIT_USAGE, "--json is for status");
	if (strcmp(command, "try") == 0 && r.seconds == 0)
		r.seconds = SECONDS;
	return tool_finish(obey(&r, command), EXIT_REFUSED);
}
