/* life CASE: allocates at one edge of the life of a process or a thread; status 0 when well. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int early_check(void);

/* glibc's way to run a function when a thread ends: what thread_local's destructors use. */
int __cxa_thread_atexit_impl(void (*f)(void *), void *arg, void *dso);
extern void *__dso_handle;

static int bad;
static void *volatile sink;

static void use_some(void)
{
	void *p[40];

	for (size_t i = 0; i < 40; i++) {
		p[i] = malloc(i * i * 40);
		if (p[i] == NULL)
			bad = 1;
		else
			memset(p[i], (int)i, i * i * 40);
	}
	p[7] = realloc(p[7], 100000);
	for (size_t i = 0; i < 40; i++)
		free(p[i]);
}

static void run_thread(void *(*f)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, f, arg) != 0)
		bad = 1;
	else
		pthread_join(t, NULL);
}

/* Destructors of keys, in every round that there is. */
static pthread_key_t keys[30];

static void key_destructor(void *arg)
{
	char *left = arg;

	use_some();
	if (--*left > 0)
		pthread_setspecific(keys[(unsigned char)left[1]], left);
	else
		free(left);
}

static void *set_keys(void *arg)
{
	for (int i = 0; i < 30; i++) {
		char *left = malloc(2);

		/* glibc goes through them four times */
		left[0] = (char)(1 + i % 4);
		left[1] = (char)i;
		pthread_setspecific(keys[i], left);
	}
	return arg;
}

static void case_keys(void)
{
	for (int i = 0; i < 30; i++)
		pthread_key_create(&keys[i], key_destructor);
	for (int i = 0; i < 50; i++)
		run_thread(set_keys, NULL);
}

static void tls_destructor(void *arg)
{
	use_some();
	free(arg);
	sink = malloc(300);
	free(sink);
}

static void *set_tls(void *arg)
{
	for (int i = 0; i < 10; i++)
		__cxa_thread_atexit_impl(tls_destructor, malloc(50), &__dso_handle);
	return set_keys(arg);
}

static void case_tls(void)
{
	case_keys();
	for (int i = 0; i < 50; i++)
		run_thread(set_tls, NULL);
	set_tls(NULL);
}

static void *leave_in_exit;

static void at_exit(void)
{
	use_some();
	free(leave_in_exit);
	run_thread(set_tls, NULL);
}

static void case_exit(void)
{
	case_keys();
	leave_in_exit = malloc(1000);
	atexit(at_exit);
	at_quick_exit(at_exit);
}

static void *forever(void *arg)
{
	(void)arg;
	for (;;)
		use_some();
	return NULL;
}

/* The process ends while threads are in the middle of it. */
static void case_detached(void)
{
	pthread_t t;

	for (int i = 0; i < 6; i++) {
		pthread_create(&t, NULL, forever, NULL);
		pthread_detach(t);
	}
	use_some();
}

static void *pass_on(void *arg)
{
	void **slot = arg;

	free(*slot);
	*slot = malloc(700);
	return NULL;
}

/* Blocks of threads that are gone, freed by threads that never allocate. */
static void case_late(void)
{
	void *slots[100] = { NULL };

	for (int round = 0; round < 5; round++)
		for (int i = 0; i < 100; i++)
			run_thread(pass_on, &slots[i]);
	for (int i = 0; i < 100; i++)
		free(slots[i]);
}

static void *nest(void *arg)
{
	size_t depth = (size_t)arg;

	use_some();
	if (depth > 0)
		run_thread(nest, (void *)(depth - 1));
	use_some();
	return NULL;
}

static void *cancelled(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
	for (;;) {
		use_some();
		pthread_testcancel();
	}
	return arg;
}

static void case_cancel(void)
{
	for (int i = 0; i < 50; i++) {
		pthread_t t;

		pthread_create(&t, NULL, cancelled, NULL);
		pthread_cancel(t);
		pthread_join(t, NULL);
	}
}

/* The first operation of a thread that has done none. */
static void *first(void *name)
{
	void *p = NULL;

	errno = 77;
	if (strcmp(name, "first_malloc") == 0)
		p = malloc(8);
	else if (strcmp(name, "first_calloc") == 0)
		p = calloc(2, 8);
	else if (strcmp(name, "first_realloc") == 0)
		p = realloc(NULL, 16);
	else if (strcmp(name, "first_memalign") == 0)
		p = memalign(256, 16);
	else if (strcmp(name, "first_free") == 0)
		free(sink);
	else if (strcmp(name, "first_usable") == 0)
		bad |= malloc_usable_size(sink) < 20;
	if (errno != 77)
		bad = 1;
	use_some();
	free(p);
	return NULL;
}

static void case_first(const char *name)
{
	for (int i = 0; i < 20; i++) {
		sink = malloc(20);
		run_thread(first, (void *)name);
		if (strcmp(name, "first_free") != 0)
			free(sink);
	}
}

static long resident_pages(void)
{
	long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &total, &resident) != 2)
		bad = 1;
	if (f != NULL)
		fclose(f);
	return resident;
}

static void *short_thread(void *arg)
{
	use_some();
	return arg;
}

static void case_threads(int count)
{
	long before, after;

	for (int i = 0; i < 200; i++)
		run_thread(short_thread, NULL);
	before = resident_pages();
	for (int i = 0; i < count; i++)
		run_thread(short_thread, NULL);
	after = resident_pages();
	if (after > before + 256) {
		printf("resident pages: %ld, then %ld\n", before, after);
		bad = 1;
	}
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (early_check() != 0)
		bad = 1;
	if (strcmp(name, "keys") == 0)
		case_keys();
	else if (strcmp(name, "tls") == 0)
		case_tls();
	else if (strcmp(name, "exit") == 0)
		case_exit();
	else if (strcmp(name, "detached") == 0)
		case_detached();
	else if (strcmp(name, "late") == 0)
		case_late();
	else if (strcmp(name, "nested") == 0)
		nest((void *)(size_t)20);
	else if (strcmp(name, "cancel") == 0)
		case_cancel();
	else if (strcmp(name, "threads") == 0)
		case_threads(argc > 2 ? atoi(argv[2]) : 10000);
	else if (strncmp(name, "first", 5) == 0)
		case_first(name);
	if (bad)
		fputs("something went wrong\n", stderr);
	return bad;
}
