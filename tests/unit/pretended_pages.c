/*
 * Pretends pages of PAGE bytes, a multiple of the machine's: preloaded, it answers in the kernel's
 * place as one with such pages does. Addresses are their multiples, lengths are rounded up to
 * them, an address that is none is refused, and mincore has a byte for each. Only what a program
 * calls itself comes here, not what libc does inside. x86-64 only, whose calls it makes itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL 4096ul
#define MASK ((uintptr_t)PAGE - 1)

static long kernel(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static long answer(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static long up(long n)
{
	return (long)(((uintptr_t)n + MASK) & ~MASK);
}

/* The auxiliary vector is behind the environment, as the kernel left it on the stack. */
extern char **environ;

unsigned long getauxval(unsigned long type)
{
	static const unsigned long *vector;
	char **e = environ;

	if (type == AT_PAGESZ)
		return PAGE;
	if (vector == NULL && e != NULL) {
		while (*e != NULL)
			e++;
		vector = (const unsigned long *)(const void *)(e + 1);
	}
	for (const unsigned long *v = vector; v != NULL && v[0] != AT_NULL; v += 2)
		if (v[0] == type)
			return v[1];
	errno = ENOENT;
	return 0;
}

/* Before the program may have another environment. */
__attribute__((constructor)) static void find_vector(void)
{
	getauxval(AT_NULL);
}

/* One page more than asked for, and what stands over is cut off. */
static long map_somewhere(long size, long prot, long flags)
{
	long got = kernel(SYS_mmap, 0, size + PAGE, prot, flags, -1, 0), at;

	if (got < 0 && got > -4096)
		return got;
	at = up(got);
	if (at > got)
		kernel(SYS_munmap, got, at - got, 0, 0, 0, 0);
	kernel(SYS_munmap, at + size, got + PAGE - at, 0, 0, 0, 0);
	return at;
}

void *mmap(void *p, size_t size, int prot, int flags, int fd, off_t offset)
{
	long want = (long)p, got;
	int fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

	if (!(flags & MAP_ANONYMOUS))
		return (void *)answer(kernel(SYS_mmap, want, (long)size, prot, flags, fd, offset));
	if ((size_t)up((long)size) < size || (fixed && (want & (long)MASK) != 0))
		return (void *)answer((size_t)up((long)size) < size ? -ENOMEM : -EINVAL);
	if (want == 0)
		return (void *)answer(map_somewhere(up((long)size), prot, flags));
	if (!fixed)
		want = up(want);
	got = kernel(SYS_mmap, want, up((long)size), prot, flags, -1, 0);
	/* The kernel's own choice instead of the hint is one of its small pages. */
	if (got > 0 && (got & (long)MASK) != 0) {
		kernel(SYS_munmap, got, up((long)size), 0, 0, 0, 0);
		got = map_somewhere(up((long)size), prot, flags);
	}
	return (void *)answer(got);
}

static long say_what_is_resident(long p, long size, unsigned char *vector)
{
	unsigned char small[PAGE / REAL];

	for (long at = p; at < p + up(size); at += PAGE) {
		long result = kernel(SYS_mincore, at, PAGE, (long)small, 0, 0, 0);

		if (result != 0)
			return result;
		*vector = 0;
		for (unsigned i = 0; i < PAGE / REAL; i++)
			*vector |= small[i] & 1;
		vector++;
	}
	return 0;
}

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	switch (number) {
	case SYS_mremap:
		if ((a & (long)MASK) != 0 || ((d & MREMAP_FIXED) && (e & (long)MASK) != 0))
			return -EINVAL;
		return kernel(number, a, up(b), up(c), d, e, f);
	case SYS_munmap:
	case SYS_madvise:
	case SYS_mprotect:
		return (a & (long)MASK) != 0 ? -EINVAL : kernel(number, a, up(b), c, d, e, f);
	case SYS_mincore:
		return (a & (long)MASK) != 0 ? -EINVAL :
					       say_what_is_resident(a, b, (unsigned char *)c);
	default:
		return kernel(number, a, b, c, d, e, f);
	}
}

long syscall(long number, ...)
{
	va_list list;
	long a[6];

	va_start(list, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	return answer(call(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

int munmap(void *p, size_t size)
{
	return (int)answer(call(SYS_munmap, (long)p, (long)size, 0, 0, 0, 0));
}

int madvise(void *p, size_t size, int advice)
{
	return (int)answer(call(SYS_madvise, (long)p, (long)size, advice, 0, 0, 0));
}

int mprotect(void *p, size_t size, int prot)
{
	return (int)answer(call(SYS_mprotect, (long)p, (long)size, prot, 0, 0, 0));
}

int mincore(void *p, size_t size, unsigned char *vector)
{
	return (int)answer(call(SYS_mincore, (long)p, (long)size, (long)vector, 0, 0, 0));
}
