/*
 * test_channel.c - the mailbox: what is answered, and that nothing that another program may write
 * there does any harm. The test is the helper: it calls hm_channel_serve itself.
 */
#include "support.h"

#include "hakmem.h"

#include "heap/background.h"
#include "os/os.h"
#include "policy/dirty.h"
#include "policy/options.h"
#include "pool/large.h"
#include "report/channel.h"
#include "report/view.h"

#include <sys/mman.h>

#define MANY 300

static uint32_t ticket = 1000;

/* A mail as a tool writes it. */
static struct hm_mail letter(uint32_t command, const char *text)
{
	struct hm_mail mail;

	memset(&mail, 0, sizeof mail);
	mail.ticket = ++ticket;
	mail.process = (uint32_t)getpid();
	mail.command = command;
	mail.length = (uint32_t)strlen(text);
	memcpy(mail.text, text, mail.length);
	mail.sum = hm_mail_sum(&mail);
	return mail;
}

static enum hm_mail_status post(const struct hm_mail *mail)
{
	hm_mailbox.mail = *mail;
	hm_store_release(&hm_mailbox.request, mail->ticket);
	hm_channel_serve();
	must(hm_load_acquire(&hm_mailbox.served) == mail->ticket);
	return (enum hm_mail_status)hm_load_relaxed(&hm_mailbox.status);
}

static enum hm_mail_status ask(uint32_t command, const char *text)
{
	struct hm_mail mail = letter(command, text);

	return post(&mail);
}

static const char *answer(void)
{
	return (const char *)hm_load_relaxed(&hm_mailbox.answer);
}

static size_t size(void)
{
	return hm_load_relaxed(&hm_mailbox.answer_size);
}

static bool answers(const char *text)
{
	return size() == strlen(text) && memcmp(answer(), text, size()) == 0;
}

static void begin(void)
{
	hm_channel_serve();
	must(hm_load_acquire(&hm_mailbox.process) == (uint32_t)getpid());
	must(hm_load_acquire(&hm_mailbox.helper) == (uint32_t)gettid());
}

START_TEST(commands_are_answered)
{
	begin();
	must(ask(HM_COMMAND_STATS_TEXT, "") == HM_MAIL_DONE);
	must(size() > 1000 && memcmp(answer(), "hakmem: heap", 12) == 0);
	must(ask(HM_COMMAND_STATS_JSON, "") == HM_MAIL_DONE);
	must(answer()[0] == '{' && memcmp(answer() + size() - 2, "}\n", 2) == 0);
	must(ask(HM_COMMAND_FIGURES, "") == HM_MAIL_DONE && memcmp(answer(), "held ", 5) == 0);
	must(ask(HM_COMMAND_GET, "") == HM_MAIL_DONE);
	must(memmem(answer(), size(), "purge_delay = 1000\n", 19) != NULL);
}
END_TEST

START_TEST(options_are_changed)
{
	begin();
	must(ask(HM_COMMAND_SET, "dirty_max=3M") == HM_MAIL_DONE && answers("3145728\n"));
	must(hm_options.dirty_max == 3145728);
	must(ask(HM_COMMAND_GET, "dirty_max") == HM_MAIL_DONE && answers("3145728\n"));
	must(ask(HM_COMMAND_SET, "dirty_max=-1") == HM_MAIL_BAD_VALUE);
	must(memmem(answer(), size(), "a number from 0", 15) != NULL);
	must(ask(HM_COMMAND_SET, "thp=x") == HM_MAIL_BAD_VALUE);
	must(ask(HM_COMMAND_SET, "background=1") == HM_MAIL_FIXED && !hm_options.background);
	must(ask(HM_COMMAND_SET, "nosuch=1") == HM_MAIL_NO_OPTION);
	must(ask(HM_COMMAND_SET, "=1") == HM_MAIL_NO_OPTION);
	must(ask(HM_COMMAND_SET, "dirty_max") == HM_MAIL_MALFORMED);
	must(ask(HM_COMMAND_SET, "") == HM_MAIL_MALFORMED);
	must(ask(HM_COMMAND_GET, "nosuch") == HM_MAIL_NO_OPTION);
	must(hm_options.dirty_max == 3145728);
}
END_TEST

START_TEST(purge_gives_back)
{
	void *blocks[64];

	begin();
	for (unsigned i = 0; i < 64; i++) {
		blocks[i] = hak_malloc(200000);
		memset(blocks[i], 1, 200000);
	}
	for (unsigned i = 0; i < 64; i++)
		hak_free(blocks[i]);
	must(ask(HM_COMMAND_PURGE, "") == HM_MAIL_DONE);
	must_say(strtoull(answer(), NULL, 10) > 64 * 100000, "%.20s given back", answer());
}
END_TEST

/* Each fault of one member by itself. */
START_TEST(malformed)
{
	static const uint32_t lengths[] = { HM_MAIL_TEXT - 1, HM_MAIL_TEXT, HM_MAIL_TEXT + 1,
					    0x7fffffff, 0xffffffff };
	struct hm_mail mail;

	begin();
	mail = letter(HM_COMMAND_SET, "dirty_max=7M");
	mail.sum++;
	must(post(&mail) == HM_MAIL_MALFORMED && size() == 0);
	mail = letter(HM_COMMAND_SET, "dirty_max=7M");
	mail.process++;
	mail.sum = hm_mail_sum(&mail);
	must(post(&mail) == HM_MAIL_MALFORMED);
	for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		mail = letter(HM_COMMAND_GET, "");
		memset(mail.text, 'a', sizeof mail.text);
		mail.length = lengths[i];
		mail.sum = hm_mail_sum(&mail);
		must(post(&mail) == HM_MAIL_MALFORMED);
	}
	must(ask(HM_COMMAND_SET, "dirty_max=7M\n") == HM_MAIL_MALFORMED);
	must(ask(HM_COMMAND_SET, "dirty_max=7M\x80") == HM_MAIL_MALFORMED);
	mail = letter(HM_COMMAND_SET, "dirty_max=7M");
	mail.text[3] = '\0';
	mail.sum = hm_mail_sum(&mail);
	must(post(&mail) == HM_MAIL_MALFORMED);
	must(ask(0, "") == HM_MAIL_NO_COMMAND && ask(77, "") == HM_MAIL_NO_COMMAND);
	must(ask(UINT32_MAX, "") == HM_MAIL_NO_COMMAND);
	must(hm_options.dirty_max == 33554432);
	memset(&mail, 0, sizeof mail);
	memset(mail.text, 'x', sizeof mail.text - 1);
	mail = letter(HM_COMMAND_SET, mail.text);
	must(post(&mail) == HM_MAIL_MALFORMED);
}
END_TEST

/* A ticket counts once; one whose mail is of another ticket does nothing. */
START_TEST(tickets)
{
	struct hm_mail mail = letter(HM_COMMAND_SET, "dirty_max=7M");

	begin();
	must(post(&mail) == HM_MAIL_DONE && hm_options.dirty_max == 7u << 20);
	hm_options.dirty_max = 5;
	hm_channel_serve();
	must(hm_options.dirty_max == 5);
	hm_store_relaxed(&hm_mailbox.request, mail.ticket + 1);
	hm_channel_serve();
	must(hm_options.dirty_max == 5);
	must(hm_load_relaxed(&hm_mailbox.status) == HM_MAIL_MALFORMED);
	hm_store_relaxed(&hm_mailbox.request, 0);
	hm_channel_serve();
	must(hm_load_relaxed(&hm_mailbox.served) == mail.ticket + 1);
}
END_TEST

/* Random bytes everywhere, with a good sum in every second, and a small text in every fourth. */
START_TEST(garbage)
{
	static unsigned char *const at = (unsigned char *)&hm_mailbox;
	unsigned rounds = support_times(200000, 20000);
	uint64_t state = support_seed;

	begin();
	for (unsigned i = 0; i < rounds; i++) {
		struct hm_mail mail;

		for (size_t k = 0; k < sizeof hm_mailbox; k += 1 + support_below(&state, 300))
			at[k] = (unsigned char)support_random(&state);
		if (i % 2 == 0) {
			mail = hm_mailbox.mail;
			mail.ticket = (uint32_t)support_random(&state);
			mail.process = (uint32_t)getpid();
			mail.command %= 9;
			if (i % 4 == 0) {
				mail.length = (uint32_t)support_below(&state, 30);
				for (uint32_t k = 0; k < mail.length; k++)
					mail.text[k] = (char)(' ' + support_below(&state, 95));
				mail.text[mail.length] = '\0';
			}
			mail.sum = hm_mail_sum(&mail);
			hm_mailbox.mail = mail;
			hm_store_relaxed(&hm_mailbox.request, mail.ticket);
		}
		hm_channel_serve();
	}
	must(ask(HM_COMMAND_GET, "purge_delay") == HM_MAIL_DONE && answers("1000\n"));
}
END_TEST

/* A child of fork does not do what its parent was asked for, and is its own. */
START_TEST(a_child_begins_anew)
{
	struct hm_mail mail = letter(HM_COMMAND_SET, "dirty_max=7M");
	pid_t pid;
	int status;

	begin();
	hm_mailbox.mail = mail;
	hm_store_release(&hm_mailbox.request, mail.ticket);
	pid = fork();
	if (pid == 0) {
		hm_channel_serve();
		if (hm_options.dirty_max != 33554432 ||
		    hm_load_relaxed(&hm_mailbox.process) != (uint32_t)getpid())
			_exit(1);
		_exit(ask(HM_COMMAND_GET, "dirty_max") == HM_MAIL_DONE ? 0 : 2);
	}
	must(waitpid(pid, &status, 0) == pid && status == 0);
	hm_channel_serve();
	must(hm_options.dirty_max == 7u << 20);
}
END_TEST

static pthread_barrier_t all;

static void *have_heap(void *arg)
{
	hak_free(hak_malloc(100));
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	return arg;
}

/* More than the first piece of memory holds: each heap is some hundred bytes. */
START_TEST(a_long_answer)
{
	pthread_t t[MANY];

	begin();
	pthread_barrier_init(&all, NULL, MANY + 1);
	for (unsigned i = 0; i < MANY; i++)
		must(pthread_create(&t[i], NULL, have_heap, NULL) == 0);
	pthread_barrier_wait(&all);
	must(ask(HM_COMMAND_STATS_JSON, "") == HM_MAIL_DONE);
	must_say(size() > (64u << 10), "%zu bytes", size());
	must(memcmp(answer() + size() - 4, "}]}\n", 4) == 0);
	must(ask(HM_COMMAND_GET, "purge_delay") == HM_MAIL_DONE && answers("1000\n"));
	pthread_barrier_wait(&all);
	for (unsigned i = 0; i < MANY; i++)
		pthread_join(t[i], NULL);
}
END_TEST

/*
 * The program forks while the helper gives the memory of an answer back, and the child has
 * something of its own there when it is asked.
 */
static pid_t forked = -1;
static char *piece;

static bool fork_meanwhile(const char *call)
{
	char *mine;

	if (strcmp(call, "munmap") != 0 || forked != -1)
		return false;
	forked = fork();
	if (forked != 0)
		return false;
	hm_os_fail_hook = NULL;
	mine = mmap(piece, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		    -1, 0);
	if (mine != piece)
		_exit(1);
	*mine = 1;
	hm_channel_serve();
	if (ask(HM_COMMAND_GET, "purge_delay") != HM_MAIL_DONE)
		_exit(2);
	_exit(*mine == 1 ? 0 : 3);
}

START_TEST(a_fork_while_an_answer_goes)
{
	pthread_t t[MANY];
	int status;

	begin();
	pthread_barrier_init(&all, NULL, MANY + 1);
	for (unsigned i = 0; i < MANY; i++)
		must(pthread_create(&t[i], NULL, have_heap, NULL) == 0);
	pthread_barrier_wait(&all);
	must(ask(HM_COMMAND_STATS_JSON, "") == HM_MAIL_DONE && size() > (64u << 10));
	piece = (char *)hm_load_relaxed(&hm_mailbox.answer);
	hm_os_fail_hook = fork_meanwhile;
	must(ask(HM_COMMAND_GET, "purge_delay") == HM_MAIL_DONE && answers("1000\n"));
	hm_os_fail_hook = NULL;
	must(forked > 0 && waitpid(forked, &status, 0) == forked);
	must_say(status == 0, "status 0x%x", (unsigned)status);
	pthread_barrier_wait(&all);
	for (unsigned i = 0; i < MANY; i++)
		pthread_join(t[i], NULL);
}
END_TEST

static bool no_maps(const char *call)
{
	return strcmp(call, "mmap") == 0;
}

START_TEST(no_memory_for_it)
{
	pthread_t t[MANY];

	begin();
	pthread_barrier_init(&all, NULL, MANY + 1);
	for (unsigned i = 0; i < MANY; i++)
		must(pthread_create(&t[i], NULL, have_heap, NULL) == 0);
	pthread_barrier_wait(&all);
	hm_os_fail_hook = no_maps;
	must(ask(HM_COMMAND_STATS_JSON, "") == HM_MAIL_NO_MEMORY && size() == 0);
	must(ask(HM_COMMAND_GET, "purge_delay") == HM_MAIL_DONE && answers("1000\n"));
	hm_os_fail_hook = NULL;
	must(ask(HM_COMMAND_STATS_JSON, "") == HM_MAIL_DONE);
	pthread_barrier_wait(&all);
	for (unsigned i = 0; i < MANY; i++)
		pthread_join(t[i], NULL);
}
END_TEST

/* The helper itself, and threads that allocate meanwhile. */
static _Atomic bool over;

static void *allocate(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	while (!hm_load_relaxed(&over)) {
		void *p = hak_malloc(1 + support_below(&state, 40000));

		memset(p, 1, 1);
		hak_free(p);
	}
	return arg;
}

static void await_ticket(uint32_t wanted)
{
	struct timespec t = { .tv_nsec = 20000 };

	for (unsigned i = 0; i < 1000000 && hm_load_acquire(&hm_mailbox.served) != wanted; i++)
		nanosleep(&t, NULL);
	must(hm_load_acquire(&hm_mailbox.served) == wanted);
}

static void begin_helper(void)
{
	struct timespec t = { .tv_nsec = 1000000 };

	hm_options.expose = 1;
	hm_background_start();
	hm_channel_start();
	for (unsigned i = 0; i < 30000 && hm_load_acquire(&hm_mailbox.process) == 0; i++)
		nanosleep(&t, NULL);
	must(hm_load_acquire(&hm_mailbox.process) == (uint32_t)getpid());
	must(hm_load_acquire(&hm_mailbox.helper) != (uint32_t)gettid());
}

static void send(uint32_t command, const char *text)
{
	struct hm_mail mail = letter(command, text);

	hm_mailbox.mail = mail;
	hm_store_release(&hm_mailbox.request, mail.ticket);
	hm_dirty_ring();
	await_ticket(mail.ticket);
	must(hm_load_relaxed(&hm_mailbox.status) == HM_MAIL_DONE && size() > 0);
}

/* With expose alone it gives nothing back by itself, and slow paths have nobody to tell. */
START_TEST(it_purges_when_it_is_asked)
{
	struct hm_large_counts counts;
	void *p;

	begin_helper();
	hm_options.purge_delay = 0;
	p = hak_malloc((size_t)8 << 20);
	memset(p, 1, (size_t)8 << 20);
	hak_free(p);
	for (unsigned i = 0; i < 20; i++)
		send(HM_COMMAND_FIGURES, "");
	hm_large_get_counts(&counts);
	must(counts.cached_bytes >= (size_t)8 << 20);
	must(hm_load_relaxed(&hm_dirty_word) == HM_DIRTY_KNOWN);
	send(HM_COMMAND_PURGE, "");
	hm_large_get_counts(&counts);
	must(counts.cached_bytes == 0);
}
END_TEST

/* One that gives back by itself answers while it naps, which commands make no shorter. */
START_TEST(it_answers_while_it_naps)
{
	struct hm_large_counts counts;
	void *p;

	hm_options.background = 1;
	hm_options.purge_delay = 3600000;
	begin_helper();
	p = hak_malloc((size_t)8 << 20);
	memset(p, 1, (size_t)8 << 20);
	hak_free(p);
	for (unsigned i = 0; i < 50; i++)
		send(HM_COMMAND_FIGURES, "");
	hm_large_get_counts(&counts);
	must(counts.cached_bytes >= (size_t)8 << 20);
}
END_TEST

START_TEST(a_thousand_commands_while_threads_allocate)
{
	unsigned rounds = support_times(1000, 200);
	pthread_t threads[3];

	begin_helper();
	for (uintptr_t i = 0; i < 3; i++)
		must(pthread_create(&threads[i], NULL, allocate, (void *)(i + 1)) == 0);
	for (unsigned i = 0; i < rounds; i++)
		send(HM_COMMAND_STATS_TEXT + i % 5, "");
	hm_store_relaxed(&over, true);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { commands_are_answered,
				 options_are_changed,
				 purge_gives_back,
				 malformed,
				 tickets,
				 garbage,
				 a_child_begins_anew,
				 a_long_answer,
				 a_fork_while_an_answer_goes,
				 no_memory_for_it,
				 it_purges_when_it_is_asked,
				 it_answers_while_it_naps,
				 a_thousand_commands_while_threads_allocate };

	return SUPPORT_RUN("channel", tests);
}
