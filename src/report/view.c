/*
 * view.c - the view, and the note that leads to it.
 *
 * owns: the mailbox.
 * called from: nobody; other programs read it (tools/ctl_target.c).
 */
#include "base/base.h"
#include "report/view.h"

#include "base/geometry.h"
#include "heap/passthrough.h"
#include "policy/dirty.h"
#include "policy/options.h"
#include "report/build.h"

struct hm_mailbox hm_mailbox;

__attribute__((used)) const struct hm_view hm_view = {
	.magic = HM_VIEW_MAGIC,
	.layout = HM_VIEW_LAYOUT,
	.size = sizeof(struct hm_view),
	.version = PACKAGE_VERSION,
	.slab_size = HM_SLAB_SIZE,
	.build = hm_build,
	.passthrough = &hm_passthrough_on,
	.expose = &hm_options.expose,
	.figures = &hm_figures,
	.os = &hm_os_counts,
	.purges = hm_purges,
	.failures = hm_failures,
	.bell = &hm_dirty_bell,
	.mailbox = &hm_mailbox,
};

_Static_assert(sizeof(PACKAGE_VERSION) <= sizeof(((struct hm_view *)NULL)->version),
	       "a version has room in the view");

#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)

/*
 * Of two numbers of 32 bits. The distance is known when the file is linked, so that the loader has
 * nothing to do; linkers keep notes, with --gc-sections too, and what they refer to.
 */
__asm__(".pushsection .note.hakmem, \"a\", %note\n"
	"	.balign 4\n"
	"	.4byte 7, 8, " NUMBER(HM_VIEW_NOTE) "\n"
	"	.asciz \"" HM_VIEW_OWNER "\"\n"
	"	.balign 4\n"
	"	.4byte " NUMBER(HM_VIEW_LAYOUT) "\n"
	"	.4byte hm_view - .\n"
	"	.popsection\n");
