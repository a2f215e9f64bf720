/*
 * exec_bare HOW PROGRAM: executes the program as no shell does.
 *	empty    with an empty environment
 *	null     with none at all
 *	closeN   without the descriptors whose digits are in N
 *	secure   not; says by its status whether PROGRAM would run set-user-ID
 *	nothing  not
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int honoured(const char *path)
{
	struct stat st;
	struct statvfs fs;

	return stat(path, &st) == 0 && (st.st_mode & S_ISUID) != 0 && statvfs(path, &fs) == 0 &&
	       (fs.f_flag & ST_NOSUID) == 0;
}

int main(int argc, char **argv)
{
	char *none[] = { NULL };
	char **args = argv + 2;
	const char *how = argc > 1 ? argv[1] : "nothing";

	if (argc < 3)
		return 0;
	if (strcmp(how, "secure") == 0)
		return !honoured(args[0]);
	if (strcmp(how, "empty") == 0)
		execve(args[0], args, none);
	if (strcmp(how, "null") == 0) {
		char **volatile nothing = NULL;

		execve(args[0], args, nothing);
	}
	if (strncmp(how, "close", 5) == 0) {
		for (how += 5; *how != '\0'; how++)
			close(*how - '0');
		execv(args[0], args);
	}
	return 126;
}
