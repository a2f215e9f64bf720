/*
 * profile_storm.c - threads that load and unload a library, take signals, walk their own stacks in
 * a handler, allocate, fork, and switch the profile on and off, for a while: that nothing hangs.
 *
 *   profile_storm SECONDS PLUGIN
 *
 * A hang is noticed by each kind of thread: one that has not come round for ten seconds.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOADS, LOADS_TOO, BLOCKS, BLOCKS_TOO, LISTS, SWITCHES, FORKS, KINDS };

static _Atomic unsigned long rounds[KINDS], handled;
static _Atomic int over;
static const char *plugin;

static int (*profile_start)(size_t rate);
static int (*profile_stop)(void);
static int (*profile_dump)(int fd);
static int (*option_set)(const char *name, const char *value);

static void find(void *to, const char *name)
{
	*(void **)to = dlsym(RTLD_DEFAULT, name);
	if (*(void **)to == NULL) {
		fprintf(stderr, "no %s\n", name);
		exit(2);
	}
}

/* As profilers of time do. */
static void on_signal(int sig)
{
	void *stack[20];

	(void)sig;
	backtrace(stack, 20);
	handled++;
}

static void load(void)
{
	void *handle = dlopen(plugin, RTLD_NOW);
	void *(*f)(size_t) = NULL;

	if (handle == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
	*(void **)&f = dlsym(handle, "plugin_allocate");
	if (f != NULL)
		free(f(1000));
	dlclose(handle);
}

static void allocate(void)
{
	void *held[200];

	for (int i = 0; i < 200; i++)
		held[i] = i % 2 ? malloc((size_t)i * 37) : calloc(1, (size_t)i * 500);
	for (int i = 0; i < 200; i += 3)
		held[i] = realloc(held[i], 3000);
	for (int i = 0; i < 200; i++)
		free(held[i]);
}

/* Allocates with the loader's lock held. */
static int at_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	free(strdup(info->dlpi_name));
	return 0;
}

static void list(void)
{
	dl_iterate_phdr(at_object, NULL);
}

static void switch_profile(void)
{
	static unsigned n;
	static int null = -1;

	if (null < 0)
		null = open("/dev/null", O_WRONLY);
	if (n % 8 == 0)
		option_set("profile_stacks", n % 16 == 0 ? "frames" : "auto");
	if (profile_start(n % 3 == 0 ? 1 : 1000) != 0)
		exit(3);
	usleep(3000);
	profile_dump(null);
	if (n++ % 2 == 0)
		profile_stop();
	usleep(1000);
}

static void fork_one(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		/* Nothing of the loader's, whose locks other threads may have held. */
		alarm(60);
		allocate();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "a child ended with status %#x\n", (unsigned)status);
		_exit(4);
	}
	usleep(20000);
}

static void (*const work[KINDS])(void) = {
	load, load, allocate, allocate, list, switch_profile, fork_one,
};

static void *run(void *arg)
{
	size_t kind = (size_t)arg;

	while (!over) {
		work[kind]();
		rounds[kind]++;
	}
	return NULL;
}

static void start_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, 500 }, { 0, 500 } };
	void *stack[2];

	/* Loads the unwinder outside of the handler. */
	backtrace(stack, 2);
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
}

/* False: some thread stands still. */
static int watch(int seconds)
{
	unsigned long seen[KINDS] = { 0 };
	int still[KINDS] = { 0 };

	for (int i = 0; i < seconds; i++) {
		struct timespec second = { 1, 0 };

		while (nanosleep(&second, &second) != 0)
			;
		for (int k = 0; k < KINDS; k++) {
			still[k] = rounds[k] == seen[k] ? still[k] + 1 : 0;
			seen[k] = rounds[k];
			if (still[k] >= 10) {
				fprintf(stderr, "threads of kind %d stand still\n", k);
				return 0;
			}
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	pthread_t ids[KINDS];
	int good;

	if (argc != 3)
		return 2;
	plugin = argv[2];
	find(&profile_start, "hak_profile_start");
	find(&profile_stop, "hak_profile_stop");
	find(&profile_dump, "hak_profile_dump");
	find(&option_set, "hak_option_set");
	start_signals();
	for (size_t k = 0; k < KINDS; k++) {
		if (pthread_create(&ids[k], NULL, run, (void *)k) != 0)
			return 2;
	}
	good = watch(atoi(argv[1]));
	if (!good)
		_exit(5);
	over = 1;
	for (size_t k = 0; k < KINDS; k++)
		pthread_join(ids[k], NULL);
	for (int k = 0; k < KINDS; k++)
		printf("%lu ", (unsigned long)rounds[k]);
	printf("rounds, %lu signals\n", (unsigned long)handled);
	return 0;
}
