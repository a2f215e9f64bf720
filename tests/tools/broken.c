/*
 * broken.c - libraries that must not be preloaded into every program, by HOW.
 *
 * owns: nothing.
 * called from: tests/tools/preload.sh.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { CRASHES, PRINTS, HANGS, EXITS, LACKS, FAILS_IN_FORCE, PLAIN };

#if HOW != 6
extern void *__libc_malloc(size_t size);
extern void __libc_free(void *p);
const char *hak_version(void);

void *malloc(size_t size)
{
	return __libc_malloc(size);
}

void free(void *p)
{
	__libc_free(p);
}

const char *hak_version(void)
{
	return "0";
}
#endif

#if HOW == 4
extern void hakmem_nosuch_function(void);

void broken_call(void);
void broken_call(void)
{
	hakmem_nosuch_function();
}
#endif

__attribute__((constructor)) static void start(void)
{
	if (HOW == CRASHES)
		raise(SIGSEGV);
	if (HOW == PRINTS)
		(void)!write(1, "hello\n", 6);
	if (HOW == HANGS)
		pause();
	if (HOW == EXITS)
		_exit(0);
	/* What is tried has LD_PRELOAD; what is in force has not. */
	if (HOW == FAILS_IN_FORCE && getenv("LD_PRELOAD") == NULL)
		raise(SIGSEGV);
}
