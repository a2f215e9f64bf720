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
#include "report/target.h"
#include "report/stats.h"

#define STDERR 2

_Atomic uint32_t hm_dump_due;
/* The process in which a thread is writing what is due; 0, or another's number: none. */
static _Atomic uint32_t writing;
static char file_name[HM_TARGET_NAME];

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
	int fd = own ? hm_report_open(file_name, "HAKMEM_STATS_FILE", false) : STDERR;

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
	uint32_t me = (uint32_t)hm_os_process(), old = hm_load_relaxed(&writing), due = true;

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

HM_START_CODE void hm_dump_start(void)
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
		hm_report_say("HAKMEM_STATS_SIGNAL", ": the signal is not free; ignored");
}
