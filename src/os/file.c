/*
 * file.c - opening regular files, listing directories, the program's name.
 *
 * owns: nothing.
 * called from: os/file.h's users.
 */
#include "base/base.h"
#include "os/file.h"

#include "os/os.h"
#include "os/stat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel writes it (getdents64). */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	unsigned char type;
	char name[];
};

static bool look_at(int fd, struct hm_file *out)
{
	struct hm_os_stat st;

	if (!hm_os_stat(fd, &st) || !S_ISREG(st.mode))
		return false;
	*out = (struct hm_file){
		.fd = fd,
		.size = st.size,
		.is_roots = st.uid == 0 && (st.mode & (S_IWGRP | S_IWOTH)) == 0,
	};
	return true;
}

HM_START_CODE enum hm_file_kind hm_file_open(const char *path, struct hm_file *out)
{
	int saved = errno;
	enum hm_file_kind kind = HM_FILE_OPEN;
	long fd = syscall(SYS_openat, AT_FDCWD, path,
			  O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		kind = errno == ENOENT || errno == ENOTDIR ? HM_FILE_MISSING : HM_FILE_UNREADABLE;
	else if (!look_at((int)fd, out))
		kind = HM_FILE_IRREGULAR;
	if (kind == HM_FILE_IRREGULAR)
		hm_os_close((int)fd);
	errno = saved;
	return kind;
}

bool hm_file_list(const char *path, void (*each)(const char *name, void *arg), void *arg)
{
	char buf[2048] __attribute__((aligned(8)));
	int saved = errno;
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_DIRECTORY), n = -1;

	while (fd >= 0 && (n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const void *)(buf + at);

			each(e->name, arg);
			at += e->len;
		}
	}
	if (fd >= 0)
		hm_os_close((int)fd);
	errno = saved;
	return n == 0;
}

const char *hm_program_called(void)
{
	int saved = errno;
	const char *path = (const char *)(uintptr_t)getauxval(AT_EXECFN);

	errno = saved;
	return path;
}

bool hm_program_path(char path[HM_PATH_SIZE])
{
	int saved = errno;
	long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, HM_PATH_SIZE);

	errno = saved;
	if (n <= 0 || n >= HM_PATH_SIZE)
		return false;
	path[n] = '\0';
	return true;
}
