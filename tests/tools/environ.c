/*
 * environ.c - what a program finds around its environment: one line each.
 *
 * owns: nothing.
 * called from: tests/tools/run.sh.
 */
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv, char **envp)
{
	char **end = envp;
	ElfW(auxv_t) * aux;
	unsigned long page = 0;

	(void)argc;
	(void)argv;
	while (*end != NULL)
		end++;
	/* As programs do that walk to the auxiliary vector themselves. */
	for (aux = (void *)(end + 1); aux->a_type != AT_NULL; aux++) {
		if (aux->a_type == AT_PAGESZ)
			page = aux->a_un.a_val;
	}
	printf("same %d\n", envp == environ);
	printf("page %d\n", page == (unsigned long)sysconf(_SC_PAGESIZE));
	printf("entries %d\n", (int)(end - envp));
	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, "LD_PRELOAD=", 11) == 0)
			printf("%s\n", *envp);
	}
	return 0;
}
