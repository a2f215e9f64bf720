/*
 * usage.c - asking the kernel about this process.
 *
 * owns: nothing.
 * called from: os/usage.h's users.
 */
#include "base/base.h"
#include "os/usage.h"

#include "base/str.h"
#include "os/os.h"

#include <errno.h>
#include <linux/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void hm_os_get_faults(struct hm_os_faults *out)
{
	int saved = errno;
	/* struct rusage as the kernel has it, which libc's with 64-bit time is not. */
	__kernel_long_t usage[18];

	*out = (struct hm_os_faults){ 0, 0, 0 };
	if (syscall(SYS_getrusage, RUSAGE_SELF, usage) == 0) {
		out->minor = (uint64_t)usage[8];
		out->major = (uint64_t)usage[9];
		out->most_resident = (uint64_t)usage[4] * 1024;
	}
	errno = saved;
}

/* A line of the file is "Name:   1234 kB". Bytes; UINT64_MAX: it is not there. */
static uint64_t bytes_of(const char *text, const char *name)
{
	uint64_t n = 0;

	while (*text != '\0' && !hm_str_starts(text, name)) {
		while (*text != '\0' && *text++ != '\n')
			;
	}
	if (*text == '\0')
		return UINT64_MAX;
	text += hm_str_length(name);
	while (*text == ' ')
		text++;
	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	return n * 1024;
}

void hm_os_get_memory(struct hm_os_memory *out)
{
	char text[2048]; /* of some 900 bytes, of which the head counts */
	size_t len = 0;
	ptrdiff_t n = 1;
	int fd = hm_os_open_read("/proc/self/smaps_rollup");

	while (fd >= 0 && n > 0 && len < sizeof text - 1) {
		n = hm_os_read(fd, text + len, sizeof text - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	if (fd >= 0)
		hm_os_close(fd);
	out->resident = bytes_of(text, "Rss:");
	out->anonymous = bytes_of(text, "Anonymous:");
	out->huge = bytes_of(text, "AnonHugePages:");
	out->swapped = bytes_of(text, "Swap:");
}

uint64_t hm_os_count_mappings(void)
{
	char text[2048];
	uint64_t lines = 0;
	ptrdiff_t n;
	int fd = hm_os_open_read("/proc/self/maps");

	if (fd < 0)
		return UINT64_MAX;
	while ((n = hm_os_read(fd, text, sizeof text)) > 0) {
		for (ptrdiff_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	}
	hm_os_close(fd);
	return lines;
}
