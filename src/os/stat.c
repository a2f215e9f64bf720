/*
 * stat.c - what an open file is.
 *
 * owns: nothing.
 * called from: os/stat.h's users.
 * By the kernel's structures and numbers: libc's have another form in each of its versions, and
 * each name that is taken from libc costs every process at its start (base/str.h). So none of
 * libc's headers that declare a struct stat is included here.
 */
#include "base/base.h"
#include "os/stat.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool by_statx(int fd, struct hm_os_stat *out)
{
	struct statx st;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) != 0)
		return false;
	*out = (struct hm_os_stat){
		.mode = st.stx_mode, .uid = st.stx_uid, .links = st.stx_nlink, .size = st.stx_size
	};
	return true;
}

/* Filters of system calls that are older than statx refuse it. */
#if defined(SYS_fstat64)
#define NUMBER SYS_fstat64
typedef struct stat64 older;
#elif defined(SYS_fstat)
#define NUMBER SYS_fstat
typedef struct stat older;
#else
#define NUMBER (-1)
typedef struct {
	uint32_t st_mode, st_uid, st_nlink;
	uint64_t st_size;
} older;
#endif

static bool by_fstat(int fd, struct hm_os_stat *out)
{
	older st;

	if (NUMBER < 0 || syscall(NUMBER, fd, &st) != 0)
		return false;
	*out = (struct hm_os_stat){
		.mode = (uint32_t)st.st_mode,
		.uid = (uint32_t)st.st_uid,
		.links = (uint32_t)st.st_nlink,
		.size = (uint64_t)st.st_size,
	};
	return true;
}

bool hm_os_stat(int fd, struct hm_os_stat *out)
{
	int saved = errno;
	bool done = by_statx(fd, out) || by_fstat(fd, out);

	errno = saved;
	return done;
}
