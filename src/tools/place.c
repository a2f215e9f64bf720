/*
 * place.c - reading and replacing the loader's list of libraries.
 *
 * owns: nothing.
 * called from: tools/preload.c, tools/trial.c, tools/selftest.c.
 */
#include "tools/tool.h"
#include "tools/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* Whoever has more than this in the list means something else. */
#define SIZE_MAX_LIST 65536

int place_open_below(const struct place *p, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT,
	};

	if (p->root == NULL)
		return open(path, flags | O_CLOEXEC);
	return (int)syscall(SYS_openat2, p->root_fd, path, &how, sizeof(how));
}

static bool split(struct place *p, const char *file, char *folder)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash == NULL ? file : slash + 1;

	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strlen(name) >= sizeof(p->name) || strlen(file) >= PATH_MAX) {
		tool_say("%s: not the name of a file", file);
		return false;
	}
	strcpy(p->name, name);
	if (slash == NULL)
		strcpy(folder, ".");
	else
		snprintf(folder, PATH_MAX, "%.*s", slash == file ? 1 : (int)(slash - file), file);
	return true;
}

bool place_open(struct place *p, const char *root, const char *file)
{
	const char *wanted = file == NULL ? "/etc/ld.so.preload" : file;
	char folder[PATH_MAX];

	*p = (struct place){ .root = root, .root_fd = AT_FDCWD, .folder = -1, .lock = -1 };
	p->own = root == NULL && file == NULL;
	if (root != NULL) {
		p->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (p->root_fd < 0) {
			tool_say("%s: %s", root, strerror(errno));
			return false;
		}
	}
	if (!split(p, wanted, folder))
		return false;
	snprintf(p->file, sizeof(p->file), "%s%s", root == NULL ? "" : root, wanted);
	p->folder = place_open_below(p, folder, O_RDONLY | O_DIRECTORY);
	if (p->folder < 0)
		tool_say("%s: its folder: %s", p->file, strerror(errno));
	return p->folder >= 0;
}

static void beside(const struct place *p, const char *suffix, char *out)
{
	snprintf(out, NAME_MAX, "%s.hakmem-%s", p->name, suffix);
}

/* A name that was removed under us is another's lock no more. */
static bool lock_is_current(const struct place *p, const char *name)
{
	struct stat held, there;

	return fstat(p->lock, &held) == 0 &&
	       fstatat(p->folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_ino == there.st_ino && held.st_dev == there.st_dev;
}

bool place_lock(struct place *p, int seconds)
{
	const struct timespec pause = { 0, 50000000 };
	char name[NAME_MAX];

	beside(p, "lock", name);
	for (int i = 0; i <= seconds * 20; i++) {
		p->lock = openat(p->folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (p->lock < 0) {
			tool_say("%s: cannot be changed: %s", p->file, strerror(errno));
			return false;
		}
		if (flock(p->lock, LOCK_EX | LOCK_NB) == 0) {
			if (lock_is_current(p, name))
				return true;
			i--;
		} else {
			nanosleep(&pause, NULL);
		}
		close(p->lock);
	}
	p->lock = -1;
	tool_say("%s: another hakmem-preload is at work", p->file);
	return false;
}

void place_unlock(struct place *p)
{
	char name[NAME_MAX];

	if (p->lock < 0)
		return;
	beside(p, "lock", name);
	unlinkat(p->folder, name, 0);
	flock(p->lock, LOCK_UN);
	close(p->lock);
	p->lock = -1;
}

static bool read_all(const struct place *p, int fd, struct content *out)
{
	ssize_t n;

	out->text = calloc(1, SIZE_MAX_LIST + 2);
	if (out->text == NULL) {
		tool_say("%s", strerror(errno));
		return false;
	}
	while ((n = read(fd, out->text + out->size, SIZE_MAX_LIST + 1 - out->size)) > 0)
		out->size += (size_t)n;
	if (n < 0) {
		tool_say("%s: %s", p->file, strerror(errno));
		return false;
	}
	if (out->size > SIZE_MAX_LIST || memchr(out->text, '\0', out->size) != NULL) {
		tool_say("%s: not a list of libraries: %s", p->file,
			 out->size > SIZE_MAX_LIST ? "too large" : "it has binary data");
		return false;
	}
	return true;
}

bool place_read(const struct place *p, struct content *out)
{
	int fd;
	bool good;

	memset(out, 0, sizeof(*out));
	fd = openat(p->folder, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		out->text = calloc(1, 1);
		return out->text != NULL;
	}
	if (fd < 0 && errno == ELOOP) {
		tool_say("%s: a symbolic link: change what it points to, with --file", p->file);
		return false;
	}
	if (fd < 0 || fstat(fd, &out->st) != 0) {
		tool_say("%s: %s", p->file, strerror(errno));
		return false;
	}
	out->there = true;
	if (!S_ISREG(out->st.st_mode)) {
		tool_say("%s: not a regular file", p->file);
		good = false;
	} else {
		good = read_all(p, fd, out);
	}
	close(fd);
	return good;
}

/* What says that the file's contents are as signed: of the new ones that would be a lie. */
static bool is_signature(const char *name)
{
	return strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

/* Labels and access lists, as far as they can be set: the system's policy decides. */
static void copy_attributes(const struct place *p, int to)
{
	char names[4096], value[4096];
	int from = openat(p->folder, p->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = from < 0 ? -1 : flistxattr(from, names, sizeof(names));

	for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		ssize_t size = is_signature(name) ? -1 :
						    fgetxattr(from, name, value, sizeof(value));

		if (size >= 0)
			(void)!fsetxattr(to, name, value, (size_t)size, 0);
	}
	if (from >= 0)
		close(from);
}

static bool write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0)
			return false;
		text += n;
		size -= (size_t)n;
	}
	return true;
}

/* The new file, complete and on the disk, under a name of its own. False with errno. */
static bool prepare(const struct place *p, const char *name, const struct content *before,
		    const char *text, size_t size)
{
	mode_t mode = before->there ? before->st.st_mode & 07777 : 0644;
	int fd, saved;
	bool good;

	/* Left by one that was killed; nobody else is here. */
	unlinkat(p->folder, name, 0);
	fd = openat(p->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	if (before->there)
		copy_attributes(p, fd);
	good = write_all(fd, text, size) &&
	       (!before->there || fchown(fd, before->st.st_uid, before->st.st_gid) == 0) &&
	       fchmod(fd, mode) == 0 && fsync(fd) == 0;
	saved = errno;
	close(fd);
	errno = saved;
	return good;
}

/* chattr +i and +a make the kernel say no more than "not permitted". */
static bool is_immutable(const struct place *p)
{
	int fd = openat(p->folder, p->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), flags = 0;
	/* By number: musl's ioctl takes an int, for which the request is too large. */
	bool yes = fd >= 0 && syscall(SYS_ioctl, fd, FS_IOC_GETFLAGS, &flags) == 0 &&
		   (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) != 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

static void say_unchanged(const struct place *p, int error)
{
	if ((error == EPERM || error == EACCES) && is_immutable(p))
		tool_say("%s: unchanged: it is immutable; see chattr(1)", p->file);
	else
		tool_say("%s: unchanged: %s", p->file, strerror(error));
}

/* The name is there for all programs; whether it is on the disk, too, is another question. */
static void sync_folder(const struct place *p)
{
	if (fsync(p->folder) != 0)
		tool_say("%s: changed, but perhaps not on the disk: %s", p->file, strerror(errno));
}

/* The old file gets a second name; where files cannot have two, a copy does. False with errno. */
static bool set_aside(const struct place *p, const struct content *before, const char *old)
{
	unlinkat(p->folder, old, 0);
	if (!before->there || linkat(p->folder, p->name, p->folder, old, 0) == 0)
		return true;
	if (is_immutable(p)) {
		errno = EPERM;
		return false;
	}
	return prepare(p, old, before, before->text, before->size);
}

/* The list as it was is the copy; this needs no room. False with errno. */
static bool move_away(const struct place *p, const char *backup)
{
	return renameat(p->folder, p->name, p->folder, backup) == 0 || errno == ENOENT;
}

bool place_write(const struct place *p, const struct content *before, const char *text,
		 size_t size)
{
	char fresh[NAME_MAX], old[NAME_MAX], backup[NAME_MAX];
	bool good;

	beside(p, "new", fresh);
	beside(p, "old", old);
	beside(p, "backup", backup);
	if (size == 0)
		good = move_away(p, backup);
	else
		good = set_aside(p, before, old) && prepare(p, fresh, before, text, size) &&
		       renameat(p->folder, fresh, p->folder, p->name) == 0;
	if (!good) {
		int error = errno;

		unlinkat(p->folder, fresh, 0);
		unlinkat(p->folder, old, 0);
		say_unchanged(p, error);
		return false;
	}
	if (size > 0 && before->there)
		renameat(p->folder, old, p->folder, backup);
	sync_folder(p);
	return true;
}
