/*
 * test_os.c - the OS contract: page size, purge, populate, how_much_is_resident, advice, clock,
 * threads, files, futex. (Address space: test_os_map.c.)
 *
 * owns: nothing.
 * called from: make check. Each test runs in a process of its own.
 */
#include "base/base.h"
#include "os/os.h"

#include "base/atomic.h"
#include "os/file.h"
#include "os/output.h"

#include "fail.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define ODD_ERRNO 12345

static size_t resident(void *p, size_t size)
{
	static unsigned char vec[4096];
	size_t pages = size / hm_os_page_size(), n = 0;

	ck_assert_uint_le(pages, sizeof(vec));
	ck_assert_int_eq(mincore(p, size, vec), 0);
	for (size_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	return n;
}

START_TEST(page_size)
{
	ck_assert_uint_eq(hm_os_page_size(), (size_t)sysconf(_SC_PAGESIZE));
	ck_assert_uint_eq(hm_os_page_size(), (size_t)sysconf(_SC_PAGESIZE));
}
END_TEST

START_TEST(purge)
{
	size_t page = hm_os_page_size(), size = 16 * page;
	char *p = hm_os_map_aligned(size, page, false);

	memset(p, 1, size);
	errno = ODD_ERRNO;
	ck_assert(hm_os_purge(p + page, 2 * page));
	ck_assert_int_eq(p[page - 1], 1);
	ck_assert_int_eq(p[page], 0);
	ck_assert_int_eq(p[3 * page - 1], 0);
	ck_assert_int_eq(p[3 * page], 1);
	fail_from("madvise", 0);
	ck_assert(!hm_os_purge(p, page));
	hm_os_fail_hook = NULL;
	ck_assert_int_eq(p[0], 1);
	/* Locked pages stay, and that is said. (Sanitizers make mlock(2) do nothing.) */
	if (syscall(SYS_mlock, p, page) == 0) {
		ck_assert(!hm_os_purge(p, page));
		ck_assert_int_eq(p[0], 1);
	}
	ck_assert(errno == ODD_ERRNO || errno == ENOMEM || errno == EPERM);
}
END_TEST

START_TEST(populate)
{
	size_t page = hm_os_page_size(), size = 16 * page;
	char *p = hm_os_map_aligned(size, page, false);

	(void)hm_os_advise_nohuge(p, size);
	p[5 * page] = 42;
	ck_assert_uint_eq(resident(p, size), 1);
	fail_from("madvise", 0);
	errno = ODD_ERRNO;
	hm_os_populate(p, size);
	hm_os_fail_hook = NULL;
	/* Short of memory: not touched. */
	ck_assert_uint_eq(resident(p, size), 1);
	hm_os_populate(p, size);
	ck_assert_int_eq(errno, ODD_ERRNO);
	ck_assert_uint_eq(resident(p, size), 16);
	ck_assert_int_eq(p[5 * page], 42);
}
END_TEST

/* More pages than are asked about at a time. */
START_TEST(how_much_is_resident)
{
	size_t page = hm_os_page_size(), size = 1200 * page;
	char *p = hm_os_map_aligned(size, page, false);

	(void)hm_os_advise_nohuge(p, size);
	errno = ODD_ERRNO;
	ck_assert_uint_eq(hm_os_resident(p, size), 0);
	p[0] = p[511 * page] = p[512 * page] = p[1199 * page] = 1;
	ck_assert_uint_eq(hm_os_resident(p, size), 4 * page);
	ck_assert_uint_eq(hm_os_resident(p + page, size - page), 3 * page);
	fail_from("mincore", 0);
	ck_assert_uint_eq(hm_os_resident(p, size), 0);
	hm_os_fail_hook = NULL;
	ck_assert(hm_os_unmap(p + 1024 * page, size - 1024 * page));
	/* What nobody maps is not resident, and no error. */
	ck_assert_uint_eq(hm_os_resident(p, size), 3 * page);
	ck_assert_int_eq(errno, ODD_ERRNO);
}
END_TEST

/* From here on madvise(advice) answers as a kernel that does not know it. */
static bool forget_advice(unsigned advice)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, advice, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

START_TEST(populate_on_an_old_kernel)
{
	size_t page = hm_os_page_size(), size = 16 * page;
	char *p = hm_os_map_aligned(size, page, false);

	(void)hm_os_advise_nohuge(p, size);
	if (!forget_advice(23)) {
		printf("test_os: no seccomp here, populate's fall-back not tested\n");
		return;
	}
	p[5 * page] = 42;
	errno = ODD_ERRNO;
	hm_os_populate(p, size);
	ck_assert_int_eq(errno, ODD_ERRNO);
	ck_assert_uint_eq(resident(p, size), 16);
	ck_assert_int_eq(p[5 * page], 42);
}
END_TEST

/* From here on a call is refused with an error, as by filters that are older than it. */
static bool forget_call(unsigned number, unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/* What is written to and read at start, with and without the newer call. */
static void look_at_files(void)
{
	char path[] = "/tmp/hakmem-test-os.XXXXXX", second[sizeof path + 2];
	int fd = mkstemp(path);
	struct hm_file file;

	ck_assert_int_eq(write(fd, "12345", 5), 5);
	close(fd);
	errno = ODD_ERRNO;
	ck_assert_int_eq(hm_file_open(path, &file), HM_FILE_OPEN);
	ck_assert_uint_eq(file.size, 5);
	hm_os_close(file.fd);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(hm_file_open(path, &file), HM_FILE_OPEN);
	ck_assert(!file.is_roots);
	hm_os_close(file.fd);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_eq(hm_file_open(path, &file), HM_FILE_OPEN);
	ck_assert(file.is_roots == (geteuid() == 0));
	hm_os_close(file.fd);
	ck_assert_int_eq(hm_file_open("/tmp", &file), HM_FILE_IRREGULAR);
	fd = hm_os_open_append(path);
	ck_assert_int_ge(fd, 0);
	hm_os_close(fd);
	strcpy(second, path);
	strcat(second, ".2");
	ck_assert_int_eq(link(path, second), 0);
	ck_assert_int_eq(hm_os_open_append(path), -1);
	ck_assert_int_eq(errno, ODD_ERRNO);
	unlink(second);
	unlink(path);
}

START_TEST(files)
{
	static const unsigned errors[] = { ENOSYS, EPERM };

	look_at_files();
	if (_i < 2 && forget_call(SYS_statx, errors[_i]))
		look_at_files();
}
END_TEST

START_TEST(advise)
{
	char *p = hm_os_map_aligned(2 * MIB, 2 * MIB, false);
	bool huge = madvise(p, 2 * MIB, MADV_HUGEPAGE) == 0;
	bool nohuge = madvise(p, 2 * MIB, MADV_NOHUGEPAGE) == 0;

	errno = ODD_ERRNO;
	ck_assert(hm_os_advise_huge(p, 2 * MIB) == huge);
	ck_assert(hm_os_advise_nohuge(p, 2 * MIB) == nohuge);
	fail_from("madvise", 0);
	ck_assert(!hm_os_advise_huge(p, 2 * MIB));
	ck_assert(!hm_os_advise_nohuge(p, 2 * MIB));
	ck_assert(!hm_os_purge(p, 2 * MIB));
	ck_assert_int_eq(errno, ODD_ERRNO);
}
END_TEST

START_TEST(clock_advances)
{
	struct timespec nap = { 0, 50 * 1000 * 1000 };
	uint64_t then;

	errno = ODD_ERRNO;
	then = hm_os_now_ms();
	ck_assert_int_eq(errno, ODD_ERRNO);
	nanosleep(&nap, NULL);
	ck_assert_uint_ge(hm_os_now_ms() - then, 30);
	ck_assert_uint_le(hm_os_now_ms() - then, 30000);
}
END_TEST

static void *is_main(void *arg)
{
	*(bool *)arg = hm_os_is_main_thread();
	return NULL;
}

START_TEST(main_thread)
{
	bool other = true;
	pthread_t thread;

	ck_assert(hm_os_is_main_thread());
	ck_assert_int_eq(pthread_create(&thread, NULL, is_main, &other), 0);
	pthread_join(thread, NULL);
	ck_assert(!other);
}
END_TEST

START_TEST(write_text)
{
	static char big[1 << 18];
	char got[8] = "";
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	errno = ODD_ERRNO;
	hm_os_write(fds[1], "hello", 5);
	ck_assert_int_eq(hm_os_read(fds[0], got, sizeof(got)), 5);
	ck_assert_str_eq(got, "hello");
	/* A full pipe ends it; a bad descriptor too. */
	hm_os_write(fds[1], big, sizeof(big));
	hm_os_write(-1, "x", 1);
	ck_assert_int_eq(hm_os_read(-1, got, 1), -1);
	ck_assert_int_eq(errno, ODD_ERRNO);
}
END_TEST

START_TEST(read_files)
{
	char got[4] = "";
	int fd;

	errno = ODD_ERRNO;
	ck_assert_int_eq(hm_os_open_read("/nonexistent/file"), -1);
	fd = hm_os_open_read("/proc/self/exe");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(hm_os_read(fd, got, 4), 4);
	ck_assert(memcmp(got, "\177ELF", 4) == 0);
	hm_os_close(fd);
	ck_assert_int_eq(hm_os_read(fd, got, 4), -1);
	hm_os_close(fd);
	ck_assert_int_eq(errno, ODD_ERRNO);
}
END_TEST

static uint32_t word;

static void *sleeper(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 1)
		hm_os_futex_wait(&word, 1);
	return NULL;
}

START_TEST(futex)
{
	struct timespec nap = { 0, 20 * 1000 * 1000 };
	pthread_t thread;

	errno = ODD_ERRNO;
	word = 1;
	/* Another value: no sleep, or the test's time runs out. */
	hm_os_futex_wait(&word, 2);
	ck_assert_int_eq(errno, ODD_ERRNO);
	ck_assert_int_eq(pthread_create(&thread, NULL, sleeper, NULL), 0);
	nanosleep(&nap, NULL);
	__atomic_store_n(&word, 0, __ATOMIC_RELEASE);
	hm_os_futex_wake(&word, 1);
	pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("os");
	TCase *t = tcase_create("os");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, page_size);
	tcase_add_test(t, purge);
	tcase_add_test(t, populate);
	tcase_add_test(t, how_much_is_resident);
	tcase_add_test(t, populate_on_an_old_kernel);
	tcase_add_loop_test(t, files, 0, 3);
	tcase_add_test(t, advise);
	tcase_add_test(t, clock_advances);
	tcase_add_test(t, main_thread);
	tcase_add_test(t, write_text);
	tcase_add_test(t, read_files);
	tcase_add_test(t, futex);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
