/*
 * background CASE: where there is a helper thread, and what a process does in spite of it; prints
 * what the script compares. Waits half a minute at most for what is to come.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **arguments;

/* Tasks; of these, helpers. */
static int tasks(int *helpers)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int all = 0;

	*helpers = 0;
	while (d != NULL && (e = readdir(d)) != NULL) {
		char path[300], name[32] = "";
		int fd;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		fd = open(path, O_RDONLY);
		if (fd >= 0 && read(fd, name, sizeof(name) - 1) > 0)
			*helpers += strcmp(name, "hakmem\n") == 0;
		close(fd);
		all++;
	}
	if (d != NULL)
		closedir(d);
	return all;
}

static void print_tasks(const char *where)
{
	int helpers, all = tasks(&helpers);

	/* its name comes a little later than it */
	for (int i = 0; i < 3000 && all > 1 && helpers == 0; i++) {
		usleep(10000);
		all = tasks(&helpers);
	}
	printf("%s: tasks %d, helpers %d\n", where, all, helpers);
	fflush(stdout);
}

static void grow(void)
{
	void *p = malloc(300000);

	memset(p, 1, 300000);
	free(p);
}

static void exec_self(const char *name)
{
	execl("/proc/self/exe", arguments[0], name, (char *)NULL);
	_exit(9);
}

static void case_fork(void)
{
	print_tasks("parent");
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			free(malloc(1000));
			print_tasks("child");
			if (i == 1)
				exec_self("tasks");
			grow();
			print_tasks("child that grew");
			exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	print_tasks("parent");
}

static void case_daemon(void)
{
	int ends[2];
	char c;

	if (pipe(ends) != 0)
		return;
	if (fork() == 0) {
		close(ends[0]);
		if (daemon(1, 1) != 0)
			_exit(1);
		grow();
		print_tasks("daemon");
		exit(0);
	}
	close(ends[1]);
	wait(NULL);
	/* The end of file comes when the daemon has ended: no helper holds its end. */
	while (read(ends[0], &c, 1) > 0)
		;
	print_tasks("starter");
}

static void *worker(void *arg)
{
	usleep(200000);
	grow();
	printf("worker is done\n");
	fflush(stdout);
	return arg;
}

static void case_pthread_exit(void)
{
	pthread_t t;

	print_tasks("first thread");
	if (pthread_create(&t, NULL, worker, NULL) == 0)
		pthread_exit(NULL);
}

/* Calls NR end as the filter says; then the program again. */
static void filtered(int nr1, int nr2, unsigned action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr1, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr2, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, action),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		exit(77);
	exec_self("rest");
}

static void case_rest(void)
{
	grow();
	usleep(500000);
	print_tasks("rested");
}

static void case_dlclose(const char *library)
{
	void *lib = dlopen(library, RTLD_NOW);

	if (lib == NULL)
		printf("%s\n", dlerror());
	print_tasks("loaded");
	if (lib != NULL)
		dlclose(lib);
	usleep(300000);
	print_tasks("closed");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	arguments = argv;
	if (strcmp(name, "tasks") == 0)
		print_tasks("tasks");
	else if (strcmp(name, "fork") == 0)
		case_fork();
	else if (strcmp(name, "daemon") == 0)
		case_daemon();
	else if (strcmp(name, "pthread_exit") == 0)
		case_pthread_exit();
	else if (strcmp(name, "refused") == 0)
		filtered(SYS_clone, 435 /* clone3 */, SECCOMP_RET_ERRNO | EPERM);
	else if (strcmp(name, "strict") == 0)
		filtered(436 /* close_range */, SYS_ppoll, SECCOMP_RET_KILL_PROCESS);
	else if (strcmp(name, "rest") == 0)
		case_rest();
	else if (strcmp(name, "dlclose") == 0)
		case_dlclose(argv[2]);
	return 0;
}
