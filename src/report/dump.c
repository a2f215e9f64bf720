/*
 * dump.c - writing statistics at exit and on a signal.
 *
 * owns: the file's name as it was at start, since a program may write over its environment.
 * called from: report/dump.h's users.
 */
#include "base/base.h"
#include "report/dump.h"

#include "base/str.h"
#include "heap/background.h"
#include "os/os.h"
#include "os/output.h"
#include "os/print.h"
#include "os/signal.h"
#include "os/thread.h"
#include "policy/options.h"
#include "report/stats.h"

#define NAME_MAX_BYTES 1024
#define STDERR 2

_Atomic bool hm_dump_due;
/* The process in which a thread is writing what is due; 0, or another's number: none. */
static _Atomic uint32_t writing;
static char file_name[NAME_MAX_BYTES];

/* The name with the process's number for each %p, and % for %%. False: it is too long. */
static bool expand(struct hm_text *t)
{
	for (const char *s = file_name; *s != '\0'; s++) {
		if (s[0] == '%' && s[1] == 'p') {
			hm_text_dec(t, (uint64_t)hm_os_process());
			s++;
		} else {
			s += s[0] == '%' && s[1] == '%';
			hm_text_char(t, *s);
		}
	}
	return t->len + 1 < t->cap;
}

static hm_cold void report(const char *what, const char *why)
{
	char line[NAME_MAX_BYTES / 4];
	struct hm_text t;

	if (!hm_options.verbose)
		return;
	hm_text_init(&t, line, sizeof line);
	hm_text_str(&t, "hakmem: ");
	hm_text_str(&t, what);
	hm_text_str(&t, why);
	hm_text_char(&t, '\n');
	hm_os_write(STDERR, line, t.len);
}

/* In a program with others' rights, the name came from a configuration, and is not for it. */
static int open_file(void)
{
	char name[NAME_MAX_BYTES];
	struct hm_text t;
	int fd = -1;

	hm_text_init(&t, name, sizeof name);
	if (!hm_os_is_secure() && expand(&t))
		fd = hm_os_open_append(name);
	if (fd < 0)
		report("HAKMEM_STATS_FILE", ": cannot be opened, or is no file of this user's");
	return fd;
}

static void write_to(int fd)
{
	if (hm_options.stats_format == HM_STATS_JSON)
		hm_stats_json(fd);
	else
		hm_stats_print(fd);
}

static void dump(void)
{
	bool own = file_name[0] != '\0';
	int fd = own ? open_file() : STDERR;
	if (fd < 0)
		return;
	write_to(fd);
	/* It may have that number, where the program has closed its own. */
	if (own)
		hm_os_close(fd);
}

/* One at a time: what becomes due meanwhile is left to a later call. */
void hm_dump_if_due(void)
{
	uint32_t me = (uint32_t)hm_os_process(), old = hm_load_relaxed(&writing);
	bool due = true;

	if (old == me || !hm_cas_acq_rel(&writing, &old, me))
		return;
	if (hm_cas_acq_rel(&hm_dump_due, &due, false))
		dump();
	hm_store_release(&writing, 0);
	hm_os_futex_wake((uint32_t *)&writing, 1);
}

void hm_dump_finish(void)
{
	uint32_t me = (uint32_t)hm_os_process();

	for (unsigned i = 0; i < 100 && hm_load_acquire(&writing) == me; i++)
		(void)hm_os_futex_wait_ms((uint32_t *)&writing, me, 10);
	if (hm_options.stats)
		dump();
	else
		hm_dump_point();
}

/* In a handler: one store, and a wake. */
static void on_signal(int sig)
{
	(void)sig;
	hm_store_relaxed(&hm_dump_due, true);
	hm_background_wake();
}

void hm_dump_start(void)
{
	const char *name = hm_option_text(hm_options.stats_file);
	struct hm_text t;

	if (hm_likely(name == NULL && hm_options.stats_signal == 0))
		return;
	hm_text_init(&t, file_name, sizeof file_name);
	if (name != NULL)
		hm_text_str(&t, name);
	if (hm_options.stats_signal == 0)
		return;
	/* The helper has no descriptors of the process's (os/pressure.c): a file it opens. */
	if (file_name[0] != '\0')
		hm_background_set_task(hm_dump_if_due);
	if (!hm_os_signal_take((int)hm_options.stats_signal, on_signal))
		report("HAKMEM_STATS_SIGNAL", ": the signal is not free; ignored");
}
