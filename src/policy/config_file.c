/*
 * config_file.c - reading configuration files.
 *
 * owns: the memory that they are read into, the program's name as it was found.
 * called from: policy/config_file.h's users.
 * A file is kept while what it includes is read: a stack of files in one piece of
 * .bss, of which a process without a file touches nothing. Everything is bounded:
 * bytes, files, how deep they include each other.
 */
#include "base/base.h"
#include "policy/config_file.h"

#include "base/str.h"
#include "os/file.h"
#include "os/os.h"
#include "os/print.h"
#include "policy/config.h"
#include "policy/option_value.h"
#include "policy/options.h"

#include <string.h>
#include <unistd.h>

#define ROOM ((size_t)64 << 10)
#define DEPTH_MAX 4
#define FILES_MAX 128
/* Files of one include line. */
#define NAMES_MAX 64

const char *hm_config_system = HM_SYSCONFDIR "/hakmem.conf";
struct hm_config_view hm_config_view = { .root = "" };

static struct {
	size_t used; /* of files_text */
	unsigned files;
	bool secure;
	bool has_path, asked_path;
} reading HM_START_DATA;
static char files_text[ROOM], path_buffer[HM_PATH_SIZE]; /* the files, the program */

/* A file, on the stack of those that include each other. */
struct source {
	const char *path, *kept; /* kept: as origins have it, once there is one */
	enum hm_option_source level;
	unsigned depth;
	bool in_section, applies;
};

static hm_cold void report(const struct source *f, unsigned number, const char *what,
			   const char *why)
{
	char buf[HM_PATH_SIZE + 512];
	struct hm_text t;

	if (hm_options.verbose == 0)
		return;
	hm_text_init(&t, buf, sizeof buf);
	hm_text_str(&t, "hakmem: ");
	hm_option_value_quote_path(&t, f->path);
	if (number != 0) {
		hm_text_char(&t, ':');
		hm_text_dec(&t, number);
	}
	hm_text_str(&t, ": ");
	if (what != NULL) {
		hm_option_value_quote(&t, what, hm_str_length(what));
		hm_text_str(&t, ": ");
	}
	hm_text_str(&t, why);
	hm_text_str(&t, "; skipped\n");
	hm_os_write(STDERR_FILENO, t.buf, t.len);
}

static hm_cold void report_value(const struct source *f, const struct hm_config_line *line,
				 const struct hm_option_info *row)
{
	char buf[256];
	struct hm_text t;

	if (hm_options.verbose == 0)
		return;
	hm_text_init(&t, buf, sizeof buf);
	hm_text_str(&t, line->key);
	hm_text_str(&t, " is not ");
	hm_option_value_expected(row, &t);
	report(f, line->number, line->value, buf);
}

/* ---- which program this is ---- */

static const char *base_name(const char *path)
{
	const char *name = path;

	for (; *path != '\0'; path++) {
		if (*path == '/')
			name = path + 1;
	}
	return name;
}

static const char *program_path(void)
{
	if (hm_config_view.program != NULL)
		return hm_config_view.program;
	if (!reading.asked_path) {
		reading.asked_path = true;
		reading.has_path = hm_program_path(path_buffer);
	}
	return reading.has_path ? path_buffer : NULL;
}

/* A program with rights of its own is not called what its caller likes. */
static bool is_ours(const char *section)
{
	bool by_file = reading.secure || hm_config_view.program != NULL;
	const char *path = *section == '/' || by_file ? program_path() : NULL;
	const char *called = by_file ? path : hm_program_called();

	return hm_config_applies(section, called != NULL ? base_name(called) : NULL, path);
}

/* ---- lines ---- */

static void apply(struct source *f, const struct hm_config_line *line)
{
	int i = hm_options_find(line->key);
	uint64_t ignored;
	struct hm_option_origin from = {
		.source = (enum hm_option_source)(f->level + f->in_section),
		.fixed = line->fixed,
		.line = line->number,
	};

	if (i < 0) {
		report(f, line->number, line->key, "no such option");
		return;
	}
	if (hm_config_view.check) {
		if (!hm_options_parse(line->key, line->value, &ignored))
			report_value(f, line, hm_options_info((unsigned)i));
		return;
	}
	if (line->where != HM_CONFIG_ANYWHERE &&
	    (line->where == HM_CONFIG_ONLY_SECURE) != reading.secure)
		return;
	if (f->kept == NULL)
		f->kept = hm_options_keep(f->path);
	from.file = f->kept;
	if (hm_options_set((unsigned)i, line->value, &from) == HM_OPTION_BAD)
		report_value(f, line, hm_options_info((unsigned)i));
}

static void include(const struct source *by, const struct hm_config_line *line);

static void read_line(struct source *f, const struct hm_config_line *line)
{
	switch (line->kind) {
	case HM_CONFIG_SECTION:
		f->in_section = true;
		f->applies = line->value != NULL && (hm_config_view.check || is_ours(line->value));
		if (line->value == NULL)
			report(f, line->number, NULL, line->wrong);
		break;
	case HM_CONFIG_SETTING:
		if (f->applies)
			apply(f, line);
		break;
	case HM_CONFIG_INCLUDE:
		if (f->applies)
			include(f, line);
		break;
	default:
		report(f, line->number, NULL, line->wrong);
	}
}

/* ---- files ---- */

/* What fits; of a file that is cut its last line is not whole. */
static size_t read_text(const struct source *f, int fd, char *text, size_t room)
{
	ptrdiff_t n = hm_os_read(fd, text, room);
	size_t len = n > 0 ? (size_t)n : 0;

	if (n < 0)
		report(f, 0, NULL, "cannot be read");
	if (len < room)
		return len;
	report(f, 0, NULL, "the file is too long: its end");
	while (len > 0 && text[len - 1] != '\n')
		len--;
	return len;
}

HM_START_CODE static bool may_open(const struct source *f)
{
	if (f->depth >= DEPTH_MAX)
		report(f, 0, NULL, "included too deep");
	else if (reading.files >= FILES_MAX || ROOM - reading.used < HM_CONFIG_LINE_MAX)
		report(f, 0, NULL, "too many files or bytes");
	else
		return true;
	return false;
}

HM_START_CODE static bool open_file(const struct source *f, bool required, struct hm_file *file)
{
	static const char *const why[] = {
		[HM_FILE_MISSING] = "there is no such file",
		[HM_FILE_UNREADABLE] = "the file cannot be opened",
		[HM_FILE_IRREGULAR] = "not a regular file",
	};
	enum hm_file_kind kind = hm_file_open(f->path, file);

	if (kind != HM_FILE_OPEN) {
		if (required || kind != HM_FILE_MISSING)
			report(f, 0, NULL, why[kind]);
		return false;
	}
	if (!reading.secure || file->is_roots)
		return true;
	report(f, 0, NULL, "not owned by root, or others may write to it");
	hm_os_close(file->fd);
	return false;
}

HM_START_CODE static void read_file(struct source *f, bool required)
{
	size_t used = reading.used;
	struct hm_config_reader r;
	struct hm_config_line line;
	struct hm_file file;
	char *text = files_text + used;
	size_t len;

	if (!may_open(f) || !open_file(f, required, &file))
		return;
	reading.files++;
	/* One byte is for the terminator. */
	len = read_text(f, file.fd, text, ROOM - used - 1);
	hm_os_close(file.fd);
	reading.used += len + 1;
	hm_config_start(&r, text, len);
	while (hm_config_next(&r, &line))
		read_line(f, &line);
	reading.used = used;
}

/* ---- include ---- */

/* The smallest names that match, in order; on the stack of files, like these. */
struct names {
	const char *pattern;
	char (*slots)[HM_NAME_SIZE];
	uint8_t order[NAMES_MAX];
	unsigned count, max;
	bool lost;
};

static int compare(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

static void add_name(const char *name, void *arg)
{
	struct names *all = arg;
	unsigned i = all->count, slot = all->count;

	if (!hm_config_matches(all->pattern, name) || hm_str_length(name) >= HM_NAME_SIZE)
		return;
	if (all->count == all->max) {
		all->lost = true;
		if (i == 0 || compare(name, all->slots[all->order[i - 1]]) > 0)
			return;
		slot = all->order[--i];
	} else {
		all->count++;
	}
	memcpy(all->slots[slot], name, hm_str_length(name) + 1);
	for (; i > 0 && compare(name, all->slots[all->order[i - 1]]) < 0; i--)
		all->order[i] = all->order[i - 1];
	all->order[i] = (uint8_t)slot;
}

static struct source included(const struct source *by, const char *path)
{
	return (struct source){
		.path = path,
		.level = by->level,
		.depth = by->depth + 1,
		.in_section = by->in_section,
		.applies = true,
	};
}

/* path: room for HM_PATH_SIZE, of which `folder` with its slash is there. */
static void include_all(const struct source *by, char *path, const char *pattern)
{
	size_t used = reading.used, folder = hm_str_length(path);
	struct names all = { .pattern = pattern };
	struct source dir = included(by, path);

	all.slots = (char(*)[HM_NAME_SIZE])(void *)(files_text + used);
	all.max = (unsigned)((ROOM - used) / HM_NAME_SIZE);
	if (all.max > NAMES_MAX)
		all.max = NAMES_MAX;
	if (!hm_file_list(folder > 0 ? path : ".", add_name, &all))
		report(&dir, 0, NULL, "the folder cannot be read");
	if (all.lost)
		report(&dir, 0, NULL, "too many files in the folder: the last");
	reading.used += all.count * HM_NAME_SIZE;
	for (unsigned i = 0; i < all.count; i++) {
		const char *name = all.slots[all.order[i]];
		size_t len = hm_str_length(name);
		struct source f = included(by, path);

		if (folder + len >= HM_PATH_SIZE)
			continue;
		memcpy(path + folder, name, len + 1);
		read_file(&f, true);
	}
	reading.used = used;
}

/* A path that is not absolute begins where the file is that has the line. */
static void include(const struct source *by, const struct hm_config_line *line)
{
	const char *name = base_name(line->value);
	const char *folder_of = *line->value == '/' ? hm_config_view.root : by->path;
	size_t folder = *line->value == '/' ? hm_str_length(folder_of)
					    : (size_t)(base_name(folder_of) - folder_of);
	size_t len = hm_str_length(line->value), last = hm_str_length(name);
	char path[HM_PATH_SIZE];
	bool all = false;

	if (folder + len >= HM_PATH_SIZE) {
		report(by, line->number, line->value, "the path is too long");
		return;
	}
	memcpy(path, folder_of, folder);
	memcpy(path + folder, line->value, len + 1);
	for (const char *c = name; *c != '\0'; c++)
		all |= *c == '*';
	if (all) {
		path[folder + len - last] = '\0';
		include_all(by, path, name);
	} else {
		struct source f = included(by, path);

		read_file(&f, true);
	}
}

HM_START_CODE static void start(const char *path, enum hm_option_source level, bool required)
{
	struct source f = { .path = path, .level = level, .applies = true };

	reading.files = 0;
	read_file(&f, required);
}

HM_START_CODE void hm_config_read_system(bool secure)
{
	reading.secure = secure;
	start(hm_config_system, HM_FROM_FILE, false);
}

void hm_config_read_user(const char *path)
{
	start(path, HM_FROM_USER_FILE, true);
}
