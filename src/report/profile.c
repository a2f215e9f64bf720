/*
 * profile.c - the heap profile as a text, and what lives at exit.
 *
 * owns: nothing.
 * called from: report/profile.h's users.
 */
#include "base/base.h"
#include "report/profile.h"

#include "heap/profile.h"
#include "os/maps.h"
#include "os/os.h"
#include "os/output.h"
#include "policy/options.h"
#include "report/target.h"

#define STDERR 2
#define READ_SIZE 1024
#define LEAKS 10
#define LEAK_FRAMES 12

static struct hm_profile_counts counts_of(const struct hm_site *s)
{
	struct hm_profile_counts n;

	hm_profile_take();
	n = s->n;
	hm_profile_release();
	return n;
}

static void put_counts(struct hm_out *o, const struct hm_profile_counts *n)
{
	hm_out_dec(o, n->live);
	hm_out_str(o, ": ");
	hm_out_dec(o, n->live_bytes);
	hm_out_str(o, " [");
	hm_out_dec(o, n->all);
	hm_out_str(o, ": ");
	hm_out_dec(o, n->all_bytes);
	hm_out_str(o, "] @");
}

static void put_total(struct hm_out *o, uint64_t rate)
{
	struct hm_profile_counts sum = { 0 };

	for (const struct hm_site *s = hm_table_first(); s != NULL; s = s->older) {
		struct hm_profile_counts n = counts_of(s);

		sum.live += n.live;
		sum.live_bytes += n.live_bytes;
		sum.all += n.all;
		sum.all_bytes += n.all_bytes;
	}
	hm_out_str(o, "heap profile: ");
	put_counts(o, &sum);
	hm_out_str(o, " heap_v2/");
	hm_out_dec(o, rate);
	hm_out_char(o, '\n');
}

/* Lines that readers of the format take for comments. */
static void put_about(struct hm_out *o, const struct hm_profile_state *state)
{
	hm_out_str(o, "# hakmem " PACKAGE_VERSION ", process ");
	hm_out_dec(o, hm_os_process_id());
	hm_out_str(o, state->way == HM_STACK_UNWIND ? ", stacks unwound" :
						      ", stacks by frame pointers");
	hm_out_str(o, state->on ? ", on" : ", stopped");
	hm_out_str(o, ", samples dropped: ");
	hm_out_dec(o, state->dropped);
	hm_out_str(o, ", memory of the profile: ");
	hm_out_dec(o, hm_table_memory());
	hm_out_char(o, '\n');
}

static void put_sites(struct hm_out *o)
{
	for (const struct hm_site *s = hm_table_first(); s != NULL; s = s->older) {
		struct hm_profile_counts n = counts_of(s);

		if (n.all == 0)
			continue;
		put_counts(o, &n);
		for (unsigned i = 0; i < s->depth; i++) {
			hm_out_char(o, ' ');
			hm_out_hex(o, s->pcs[i]);
		}
		hm_out_char(o, '\n');
	}
}

static void put_mappings(struct hm_out *o)
{
	char buf[READ_SIZE];
	ptrdiff_t n;
	int fd = hm_os_open_read("/proc/self/maps");

	hm_out_str(o, "\nMAPPED_LIBRARIES:\n");
	if (fd < 0)
		return;
	while ((n = hm_os_read(fd, buf, sizeof buf)) > 0) {
		for (ptrdiff_t i = 0; i < n; i++)
			hm_out_char(o, buf[i]);
	}
	hm_os_close(fd);
}

bool hm_profile_put(struct hm_out *o)
{
	struct hm_profile_state state = hm_profile_get_state();

	if (!state.begun)
		return false;
	put_total(o, state.rate);
	put_about(o, &state);
	put_sites(o);
	put_mappings(o);
	return true;
}

bool hm_profile_write(int fd)
{
	struct hm_out o;
	bool begun;

	hm_out_begin(&o, fd);
	begun = hm_profile_put(&o);
	hm_out_end(&o);
	return begun && !o.failed;
}

bool hm_profile_dump(const char *path)
{
	bool done;
	int fd;

	if (path == NULL)
		path = hm_option_text(hm_options.profile_file);
	if (path == NULL || !hm_profile_get_state().begun)
		return false;
	fd = hm_report_open(path, "HAKMEM_PROFILE_FILE", true);
	if (fd < 0)
		return false;
	done = hm_profile_write(fd);
	hm_os_close(fd);
	return done;
}

bool hm_profile_follow(void)
{
	if (!hm_options.profile) {
		if (hm_profile_is_on())
			hm_profile_stop();
		return true;
	}
	if (hm_profile_is_on() && hm_profile_get_state().rate == hm_options.profile_rate)
		return true;
	if (hm_profile_start(hm_options.profile_rate))
		return true;
	hm_options.profile = 0;
	hm_report_say("HAKMEM_PROFILE", ": there is no memory for it, or another malloc; ignored");
	return false;
}

/* What a count of a site's samples stands for. */
static uint64_t estimate(const struct hm_profile_counts *n, uint64_t rate)
{
	double mean, sampled, term, x;

	if (n->live == 0)
		return 0;
	if (rate <= 1)
		return n->live_bytes;
	/* A block of that size is sampled with probability 1 - e^-x. */
	mean = (double)n->live_bytes / (double)n->live;
	x = mean / (double)rate;
	if (x > 16)
		return n->live_bytes;
	term = 1;
	sampled = 0;
	for (unsigned i = 1; i < 80; i++) {
		term *= x / i;
		sampled += term;
	}
	/* That is e^x - 1, by its series. */
	return (uint64_t)((double)n->live_bytes * (sampled + 1) / sampled);
}

struct place {
	uint64_t bytes;
	const struct hm_site *site;
	struct hm_profile_counts n;
};

/* Is a before b, in the order of bytes, the most first? */
static bool is_before(const struct place *a, const struct place *b)
{
	return a->bytes != b->bytes ? a->bytes > b->bytes : a->site > b->site;
}

/* The first place behind `last` (NULL: of all); bytes 0: there is none. */
static struct place place_after(const struct place *last, uint64_t rate)
{
	struct place best = { 0 };

	for (const struct hm_site *s = hm_table_first(); s != NULL; s = s->older) {
		struct place p = { .site = s, .n = counts_of(s) };

		p.bytes = estimate(&p.n, rate);
		if (p.bytes > 0 && (last == NULL || is_before(last, &p)) && is_before(&p, &best))
			best = p;
	}
	return best;
}

static void put_address(struct hm_out *o, uintptr_t pc)
{
	struct hm_mapping m;

	hm_out_str(o, "hakmem:   ");
	/* Of the call, not of what follows it. */
	if (hm_maps_find((const void *)(pc - 1), &m) && m.name[0] != '\0') {
		hm_out_str(o, m.name);
		hm_out_char(o, '+');
		hm_out_hex(o, pc - 1 - m.start + m.offset);
	} else {
		hm_out_hex(o, pc - 1);
	}
	hm_out_char(o, '\n');
}

static void put_place(struct hm_out *o, const struct place *p)
{
	hm_out_str(o, "hakmem: leak: about ");
	hm_out_dec(o, p->bytes);
	hm_out_str(o, " bytes in blocks of ");
	hm_out_dec(o, p->n.live_bytes / p->n.live);
	hm_out_str(o, ", from\n");
	for (unsigned i = 0; i < p->site->depth && i < LEAK_FRAMES; i++)
		put_address(o, p->site->pcs[i]);
}

void hm_profile_leaks(int fd, unsigned most)
{
	struct hm_profile_state state = hm_profile_get_state();
	struct place p = { 0 };
	uint64_t bytes = 0, samples = 0;
	struct hm_out o;

	if (!state.begun)
		return;
	for (const struct hm_site *s = hm_table_first(); s != NULL; s = s->older) {
		struct hm_profile_counts n = counts_of(s);

		bytes += estimate(&n, state.rate);
		samples += n.live;
	}
	hm_out_begin(&o, fd);
	hm_out_str(&o, "hakmem: leaks: about ");
	hm_out_dec(&o, bytes);
	hm_out_str(&o, " bytes live, by ");
	hm_out_dec(&o, samples);
	hm_out_str(&o, " samples\n");
	for (unsigned i = 0; i < most; i++) {
		p = place_after(i == 0 ? NULL : &p, state.rate);
		if (p.bytes == 0)
			break;
		put_place(&o, &p);
	}
	hm_out_end(&o);
}

/* What writes it may itself allocate nothing; what others allocate meanwhile is of no interest. */
void hm_profile_finish(void)
{
	if (!hm_profile_get_state().begun)
		return;
	if (hm_options.profile_leaks)
		hm_profile_leaks(STDERR, LEAKS);
	(void)hm_profile_dump(NULL);
}
