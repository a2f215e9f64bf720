/*
 * maps.c - reading /proc/self/maps without memory, and knowing glibc's chunks.
 *
 * owns: nothing.
 * called from: os/maps.h's users, on the way to an abort.
 * A line of the file is "start-end perms offset device inode   name\n"; it is
 * parsed character by character, since a read may end anywhere in it.
 */
#include "base/base.h"
#include "os/maps.h"

#include "base/bits.h"
#include "base/str.h"
#include "os/os.h"

#include <string.h>

#define READ_SIZE 512

/* The fields of a line, in order; SKIPPED stands for device and inode. */
enum field { START, END, PERMS, OFFSET, SKIPPED, NAME = SKIPPED + 2 };

struct parser {
	struct hm_mapping *m;
	uintptr_t wanted;
	unsigned field;
	size_t len; /* of the field so far, when it is text */
};

/* glibc's malloc.c: the words in front of a block, and the flags in its size. */
struct chunk {
	size_t prev_size, size;
};
#define IS_MMAPPED ((size_t)2)
#define NON_MAIN_ARENA ((size_t)4)
#define SIZE_FLAGS ((size_t)7)

/* glibc's arena.c: what stands at the start of a non-main heap, and their alignment. */
struct heap_info {
	uintptr_t arena;
	uintptr_t prev;
	size_t size;
	size_t mprotect_size;
};
#define HEAP_SIZE ((size_t)(UINTPTR_MAX > 0xffffffffu ? 64 : 1) << 20)

static void begin_line(struct parser *s)
{
	memset(s->m, 0, sizeof(*s->m));
	s->field = START;
	s->len = 0;
}

static void add_digit(uintptr_t *v, char c)
{
	*v = *v << 4 | (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* One character of the file; true at the end of the line that was looked for. */
static bool parse_char(struct parser *s, char c)
{
	struct hm_mapping *m = s->m;

	if (c == '\n') {
		if (s->wanted >= m->start && s->wanted < m->end)
			return true;
		begin_line(s);
	} else if (s->field == NAME) {
		/* The padding in front of the name is more blanks, names may hold some. */
		if ((c != ' ' || s->len > 0) && s->len < sizeof(m->name) - 1)
			m->name[s->len++] = c;
	} else if (c == ' ' || (c == '-' && s->field == START)) {
		s->field++;
		s->len = 0;
	} else if (s->field == START) {
		add_digit(&m->start, c);
	} else if (s->field == END) {
		add_digit(&m->end, c);
	} else if (s->field == OFFSET) {
		m->offset = m->offset << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	} else if (s->field == PERMS && s->len < sizeof(m->perms) - 1) {
		m->perms[s->len++] = c;
	}
	return false;
}

hm_cold bool hm_maps_find(const void *p, struct hm_mapping *m)
{
	struct parser s = { .m = m, .wanted = (uintptr_t)p };
	char buf[READ_SIZE];
	bool found = false;
	ptrdiff_t n;
	int fd = hm_os_open_read("/proc/self/maps");

	begin_line(&s);
	if (fd < 0)
		return false;
	while (!found && (n = hm_os_read(fd, buf, sizeof(buf))) > 0) {
		for (ptrdiff_t i = 0; i < n && !found; i++)
			found = parse_char(&s, buf[i]);
	}
	hm_os_close(fd);
	if (!found)
		begin_line(&s);
	return found;
}

static bool writable(const struct hm_mapping *m)
{
	return m->perms[0] == 'r' && m->perms[1] == 'w' && m->perms[3] == 'p';
}

/* Inside m, from `at` on, are there `len` bytes? */
static bool covers(const struct hm_mapping *m, uintptr_t at, size_t len)
{
	return at >= m->start && at < m->end && m->end - at >= len;
}

/* A chunk of its own mapping; memalign leaves prev_size bytes unused in front of it. */
static hm_no_sanitize bool is_mmapped_chunk(const struct hm_mapping *m, const struct chunk *c)
{
	size_t page = hm_os_page_size(), size = c->size & ~SIZE_FLAGS, total;
	uintptr_t at = (uintptr_t)c;

	if ((c->size & SIZE_FLAGS) != IS_MMAPPED || c->prev_size > at ||
	    hm_add_overflows(c->prev_size, size, &total))
		return false;
	at -= c->prev_size;
	return ((at | total) & (page - 1)) == 0 && size > sizeof(*c) && covers(m, at, total);
}

/* A chunk of a thread's arena: heaps are aligned, and begin with a link to the arena. */
static hm_no_sanitize bool is_arena_chunk(const struct hm_mapping *m, const struct chunk *c)
{
	uintptr_t at = (uintptr_t)c, base = hm_align_down(at, HEAP_SIZE);
	const struct heap_info *heap = (const struct heap_info *)base;
	size_t size = c->size & ~SIZE_FLAGS;
	struct hm_mapping arena;

	if ((c->size & (NON_MAIN_ARENA | IS_MMAPPED)) != NON_MAIN_ARENA ||
	    size < 2 * sizeof(*c) || (size & (2 * sizeof(size_t) - 1)) != 0)
		return false;
	if (!covers(m, base, sizeof(*heap)) || at - base < sizeof(*heap))
		return false;
	if (heap->size > heap->mprotect_size || heap->mprotect_size > HEAP_SIZE ||
	    at - base >= heap->size || size > heap->size - (at - base))
		return false;
	return heap->arena != 0 && (heap->arena & (sizeof(void *) - 1)) == 0 &&
	       hm_maps_find((const void *)heap->arena, &arena) && writable(&arena);
}

hm_cold bool hm_maps_is_glibc_heap(const void *p)
{
	uintptr_t at = (uintptr_t)p;
	const struct chunk *c = (const struct chunk *)(at - sizeof(*c));
	struct hm_mapping m;

	/* glibc aligns blocks to two words at least. */
	if ((at & (2 * sizeof(size_t) - 1)) != 0 || !hm_maps_find(p, &m) || !writable(&m))
		return false;
	if (hm_str_equal(m.name, "[heap]"))
		return true;
	/* Both kinds are anonymous memory, which may have been given a name. */
	if (m.name[0] != '\0' && !hm_str_starts(m.name, "[anon"))
		return false;
	if (!covers(&m, at - sizeof(*c), sizeof(*c)))
		return false;
	return is_mmapped_chunk(&m, c) || is_arena_chunk(&m, c);
}
