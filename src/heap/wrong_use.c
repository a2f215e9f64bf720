/*
 * wrong_use.c - finding out what a wrong pointer is, and the one line about it.
 *
 * owns: nothing beyond wrong_use.h.
 * called from: heap/heap.c, heap/checked.c.
 */
#include "base/base.h"
#include "heap/wrong_use.h"

#include "base/assert.h"
#include "os/maps.h"
#include "os/print.h"
#include "pool/large.h"
#include "slab/layout.h"
#include "slab/slab.h"
#include "space/registry.h"
#include "space/superslab.h"

/* Two names and six values fit; a long path is cut. */
#define LINE_SIZE 384

void (*hm_next_free)(void *p) HM_START_DATA;
size_t (*hm_next_usable)(void *p) HM_START_DATA;

/* What the pointer turned out to be. */
struct finding {
	const char *what;
	const void *block;   /* start of the block it lies in, NULL when unknown */
	const char *cls;     /* when there is no number to tell */
	unsigned cls_number; /* HM_CLASSES: none */
	unsigned slab;       /* HM_SLABS: none */
	const char *extra;   /* "name=" of one more value, or NULL */
	size_t extra_value;
	bool extra_decimal;
	size_t asked; /* size that the program asked for; SIZE_MAX: not known */
};

static void say_value(struct hm_text *t, const char *name, uint64_t v)
{
	hm_text_char(t, ' ');
	hm_text_str(t, name);
	hm_text_hex(t, v);
}

static void say_decimal(struct hm_text *t, const char *name, uint64_t v)
{
	hm_text_char(t, ' ');
	hm_text_str(t, name);
	hm_text_dec(t, v);
}

static void say_class(struct hm_text *t, const struct finding *f)
{
	hm_text_str(t, " class=");
	if (f->cls_number < HM_CLASSES) {
		hm_text_dec(t, f->cls_number);
		hm_text_str(t, " size=");
		hm_text_dec(t, hm_class_usable(f->cls_number));
		if (f->asked != SIZE_MAX)
			say_decimal(t, "asked=", f->asked);
	} else {
		hm_text_str(t, f->cls);
	}
	hm_text_str(t, " slab=");
	if (f->slab < HM_SLABS)
		hm_text_dec(t, f->slab);
	else
		hm_text_str(t, "none");
}

static void say_mapping(struct hm_text *t, const void *p)
{
	struct hm_mapping m;

	hm_text_str(t, " mapping=");
	if (!hm_maps_find(p, &m)) {
		hm_text_str(t, "none");
		return;
	}
	hm_text_str(t, m.name[0] != '\0' ? m.name : "anonymous");
	hm_text_char(t, ' ');
	hm_text_str(t, m.perms);
}

static hm_noreturn void die(const void *p, const char *entry, const struct finding *f)
{
	char line[LINE_SIZE];
	struct hm_text t;

	hm_text_init(&t, line, sizeof line);
	hm_text_str(&t, "hakmem: ");
	hm_text_str(&t, entry);
	hm_text_str(&t, "(): ");
	hm_text_str(&t, f->what);
	hm_text_char(&t, ':');
	say_value(&t, "pointer=", (uintptr_t)p);
	if (f->block != NULL && f->block != p)
		say_value(&t, "block=", (uintptr_t)f->block);
	if (f->extra != NULL && f->extra_decimal)
		say_decimal(&t, f->extra, f->extra_value);
	else if (f->extra != NULL)
		say_value(&t, f->extra, f->extra_value);
	say_class(&t, f);
	say_mapping(&t, p);
	hm_die_text(line, t.len);
}

/* p is the start of a block that did not pass for live: its own marks say why. */
static void judge_block(struct finding *f, struct hm_slab *s, struct hm_user u)
{
	bool tiny = hm_class_is_tiny(s->cls);
	struct hm_base b = hm_to_base(u, tiny);
	uint8_t tag = !HM_HEADERLESS && tiny ? hm_tag_get(b) : HM_TAG_FREE;

	f->what = "double free";
	if (tag != HM_TAG_FREE && tag != HM_TAG_LIVE(s->cls)) {
		f->what = "the byte before the block was overwritten";
		f->extra = "found=";
		f->extra_value = tag;
		return;
	}
	if (HM_GUARDS == 2 && hm_canary_get(b, hm_classes[s->cls].stride) != HM_CANARY_FREE)
		f->what = "the block was written past its end";
}

static void judge_in_superslab(struct finding *f, const void *p)
{
	struct hm_slab *s = hm_slab_at(p);
	struct hm_superslab *ss = hm_superslab_of(s);
	struct hm_user u;

	f->slab = hm_slab_number(s);
	f->cls = "none";
	if (hm_load_relaxed(&ss->free_mask) >> f->slab & 1) {
		f->what = "double free or stray pointer, the slab is free";
		return;
	}
	s = hm_slab_head(s);
	f->slab = hm_slab_number(s);
	f->cls_number = s->cls;
	u = hm_slab_block_of(s, p);
	if (u.p == NULL) {
		f->what = "pointer to no block";
		return;
	}
	f->block = u.p;
	if (u.p == p)
		judge_block(f, s, u);
	else
		f->what = "pointer into the middle of a block";
}

static void judge_elsewhere(struct finding *f, const void *p)
{
	const struct hm_large *l = hm_large_find_interior(p);

	f->cls = "large";
	if (l != NULL) {
		f->block = (const char *)l + l->user_offset;
		f->what = f->block == p ? "double free" : "pointer into the middle of a block";
	} else if (hm_large_was_freed(p)) {
		f->what = "double free";
	} else {
		f->cls = "none";
		f->what = "pointer that is not from this allocator";
	}
}

static struct finding judge(const void *p)
{
	struct finding f = {
		.what = "", .cls_number = HM_CLASSES, .slab = HM_SLABS, .asked = SIZE_MAX
	};

	if (hm_registry_get(p) == HM_REG_SUPERSLAB)
		judge_in_superslab(&f, p);
	else
		judge_elsewhere(&f, p);
	return f;
}

static bool is_ours(const void *p)
{
	return hm_registry_get(p) == HM_REG_SUPERSLAB || hm_large_find_interior(p) != NULL ||
	       hm_large_was_freed(p);
}

void hm_wrong_use_free(void *p, const char *entry)
{
	struct finding f;

	if (!is_ours(p) && hm_next_free != NULL && hm_maps_is_glibc_heap(p)) {
		hm_next_free(p);
		return;
	}
	f = judge(p);
	die(p, entry, &f);
}

size_t hm_wrong_use_realloc(void *p)
{
	struct finding f;

	if (!is_ours(p) && hm_next_free != NULL && hm_next_usable != NULL &&
	    hm_maps_is_glibc_heap(p))
		return hm_next_usable(p);
	f = judge(p);
	die(p, "realloc", &f);
}

void hm_wrong_use_size(const void *p, size_t n, size_t align)
{
	struct finding f;

	if (HM_GUARDS < 2)
		return;
	f = judge(p);
	f.what = "the size given is not the block's";
	f.extra = "given=";
	f.extra_value = n;
	die(p, align == 0 ? "free_sized" : "free_aligned_sized", &f);
}

void hm_wrong_use_checked(const void *p, const char *entry, const char *what, const char *name,
			  size_t value, size_t asked)
{
	struct finding f = judge(p);

	f.what = what;
	f.extra = name;
	f.extra_value = value;
	f.extra_decimal = true;
	f.asked = asked;
	die(p, entry, &f);
}

void hm_wrong_use_written(const void *u, size_t at, unsigned cls)
{
	char line[LINE_SIZE];
	struct hm_text t;

	hm_text_init(&t, line, sizeof line);
	hm_text_str(&t, "hakmem: malloc(): a free block was written to:");
	say_value(&t, "pointer=", (uintptr_t)u);
	hm_text_str(&t, " offset=");
	hm_text_dec(&t, at);
	hm_text_str(&t, " class=");
	hm_text_dec(&t, cls);
	hm_text_str(&t, " size=");
	hm_text_dec(&t, hm_class_usable(cls));
	hm_die_text(line, t.len);
}
