/*
 * stack.c - the calling thread's stack as a list of return addresses.
 *
 * owns: what os/stack.h says.
 * called from: os/stack.h's users.
 */
#include "base/base.h"
#include "os/stack.h"

#include "base/atomic.h"
#include "base/str.h"
#include "os/filter.h"
#include "os/maps.h"
#include "os/os.h"
#include "os/thread.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <unwind.h>

/* Where a function's frame has its caller's, and the return address: in words from its pointer. */
#if defined(__riscv)
#define FRAME_NEXT (-2)
#define FRAME_RETURN (-1)
#elif defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)
#define FRAME_NEXT 0
#define FRAME_RETURN 1
#else
#define FRAME_NEXT 0
#define FRAME_RETURN 0 /* not known */
#endif

/* No frame is larger: what seems so is none. */
#define FRAME_SIZE_MAX ((uintptr_t)1 << 20)
/* Nothing is mapped below. */
#define FIRST_PAGE ((uintptr_t)4096)

struct range {
	uintptr_t start, end;
};

/* Looked up: what the library names itself costs every process at its start. */
static struct {
	_Unwind_Reason_Code (*backtrace)(_Unwind_Trace_Fn, void *);
	uintptr_t (*ip)(struct _Unwind_Context *);
	uintptr_t (*cfa)(struct _Unwind_Context *);
	struct range code;
	bool tried, usable;
} unwinder;

static struct range own;
static _Atomic(enum hm_stack_way) way; /* AUTO: not prepared yet */
static bool can_read;

extern __typeof__(dlsym) dlsym __attribute__((weak));

static bool is_in(const struct range *r, uintptr_t at)
{
	return at - r->start < r->end - r->start;
}

static struct range mapping_of(uintptr_t at)
{
	struct hm_mapping m;

	if (!hm_maps_find((const void *)at, &m))
		return (struct range){ 0, 0 };
	return (struct range){ m.start, m.end };
}

/* The code that this is in; in a static program that is the program, of which all is wanted. */
static void find_own(void)
{
	own = mapping_of((uintptr_t)hm_os_stack_take);
	if (is_in(&own, getauxval(AT_ENTRY)))
		own.end = own.start;
}

static uintptr_t dynamic_value(const struct link_map *map, ElfW(Sxword) tag)
{
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == tag)
			return d->d_un.d_ptr;
	}
	return 0;
}

/* Does the library's table of strings have the name, as that of a symbol it uses? */
static bool mentions(const struct link_map *map, const char *name)
{
	uintptr_t at = dynamic_value(map, DT_STRTAB);
	size_t size = dynamic_value(map, DT_STRSZ), n = hm_str_length(name) + 1;
	const char *text;

	/* On some machines the loader leaves these values as they are in the file. */
	if (at < map->l_addr)
		at += map->l_addr;
	text = (const char *)at;
	for (size_t i = 1; at != 0 && i + n <= size; i++) {
		if (text[i - 1] == '\0' && hm_str_equal(text + i, name))
			return true;
	}
	return false;
}

static void *sym(void *where, const char *name)
{
	void *(*look_up)(void *, const char *) = dlsym;

	return look_up != NULL ? look_up(where, name) : NULL;
}

/* Anything is let go at once: the walk is what finds and binds all that it needs. */
static _Unwind_Reason_Code pass_over(struct _Unwind_Context *c, void *arg)
{
	(void)c;
	(void)arg;
	return _URC_NO_REASON;
}

/*
 * Whether the unwinder's own search for a function's table is the one it calls. On i386 glibc has
 * an older one under the same name and version, with a lock, and is found first.
 */
static bool finds_by_itself(void)
{
	void *(*look_up)(void *, const char *, const char *) = NULL;
	const void *find;

	*(void **)&look_up = sym(RTLD_DEFAULT, "dlvsym");
	if (look_up == NULL)
		return false;
	find = look_up(RTLD_DEFAULT, "_Unwind_Find_FDE", "GCC_3.0");
	return find == NULL || is_in(&unwinder.code, (uintptr_t)find);
}

/*
 * It takes no lock when it asks glibc for a function's table by _dl_find_object. One that asks by
 * dl_iterate_phdr is of no use here. It stays loaded.
 */
static bool open_unwinder(void)
{
	void *(*open)(const char *, int) = NULL;
	int (*info)(void *, int, void *) = NULL;
	struct link_map *map = NULL;
	void *handle;

	*(void **)&open = sym(RTLD_DEFAULT, "dlopen");
	*(void **)&info = sym(RTLD_DEFAULT, "dlinfo");
	if (open == NULL || info == NULL || sym(RTLD_DEFAULT, "_dl_find_object") == NULL)
		return false;
	handle = open("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL || info(handle, RTLD_DI_LINKMAP, &map) != 0 || map == NULL ||
	    !mentions(map, "_dl_find_object"))
		return false;
	*(void **)&unwinder.backtrace = sym(handle, "_Unwind_Backtrace");
	*(void **)&unwinder.ip = sym(handle, "_Unwind_GetIP");
	*(void **)&unwinder.cfa = sym(handle, "_Unwind_GetCFA");
	if (unwinder.backtrace == NULL || unwinder.ip == NULL || unwinder.cfa == NULL)
		return false;
	unwinder.code = mapping_of((uintptr_t)unwinder.backtrace);
	if (!finds_by_itself())
		return false;
	(void)unwinder.backtrace(pass_over, NULL);
	return true;
}

enum hm_stack_way hm_os_stack_prepare(enum hm_stack_way wanted)
{
	enum hm_stack_way found = HM_STACK_FRAMES;
	int saved = errno;

	if (own.start == 0)
		find_own();
	if (wanted != HM_STACK_FRAMES && !unwinder.tried) {
		unwinder.usable = open_unwinder();
		unwinder.tried = true;
	}
	if (wanted != HM_STACK_FRAMES && unwinder.usable)
		found = HM_STACK_UNWIND;
	/* A filter may end the process for a call that it does not expect. */
	can_read = !hm_os_is_filtered();
	hm_store_release(&way, found);
	errno = saved;
	return found;
}

bool hm_os_stack_is_unwinder(const void *pc)
{
	return hm_load_acquire(&way) == HM_STACK_UNWIND &&
	       is_in(&unwinder.code, (uintptr_t)pc);
}

struct list {
	uintptr_t *pcs;
	unsigned n;
	bool outside; /* of the library's own frames */
	uintptr_t last_pc, last_cfa;
};

/* False: it is full. */
static bool add(struct list *l, uintptr_t pc)
{
	/* The address returned to may be the first behind the library. */
	if (!l->outside && is_in(&own, pc - 1))
		return true;
	l->outside = true;
	l->pcs[l->n++] = pc;
	return l->n < HM_STACK_MAX;
}

static _Unwind_Reason_Code add_unwound(struct _Unwind_Context *c, void *arg)
{
	struct list *l = arg;
	uintptr_t pc = unwinder.ip(c), cfa = unwinder.cfa(c);

	/* The outermost frame, or a table that leads nowhere. */
	if (pc < FIRST_PAGE || (pc == l->last_pc && cfa == l->last_cfa))
		return _URC_END_OF_STACK;
	l->last_pc = pc;
	l->last_cfa = cfa;
	return add(l, pc) ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* Two words, of any address. */
static bool read_words(uintptr_t from, uintptr_t words[2])
{
	struct iovec to = { words, 2 * sizeof(words[0]) };
	struct iovec at = { (void *)from, 2 * sizeof(words[0]) };

	return syscall(SYS_process_vm_readv, hm_os_process(), &to, 1ul, &at, 1ul, 0ul) ==
	       (long)to.iov_len;
}

/* On 64-bit ARM the upper bits may be a signature. */
static uintptr_t without_signature(uintptr_t pc)
{
#if defined(__aarch64__)
	return pc << 16 >> 16;
#else
	return pc;
#endif
}

static void walk_frames(struct list *l, uintptr_t frame)
{
	const int low = FRAME_NEXT < FRAME_RETURN ? FRAME_NEXT : FRAME_RETURN;
	uintptr_t words[2], next;

	while (can_read && FRAME_NEXT != FRAME_RETURN && frame % sizeof(words[0]) == 0 &&
	       frame > FIRST_PAGE &&
	       read_words(frame + (uintptr_t)((ptrdiff_t)low * (ptrdiff_t)sizeof(words[0])),
			  words)) {
		uintptr_t pc = without_signature(words[FRAME_RETURN - low]);

		if (pc < FIRST_PAGE || !add(l, pc))
			return;
		next = words[FRAME_NEXT - low];
		/* The stack grows downwards. */
		if (next <= frame || next - frame > FRAME_SIZE_MAX)
			return;
		frame = next;
	}
}

hm_noinline unsigned hm_os_stack_take(uintptr_t pcs[HM_STACK_MAX])
{
	struct list l = { .pcs = pcs };
	int saved = errno;

	if (hm_load_acquire(&way) == HM_STACK_UNWIND)
		(void)unwinder.backtrace(add_unwound, &l);
	else
		walk_frames(&l, (uintptr_t)__builtin_frame_address(0));
	errno = saved;
	return l.n;
}
