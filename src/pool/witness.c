/*
 * witness.c - superslabs that can tell whether memory is used whole.
 *
 * owns: which they are. The record of a superslab stays, whatever it is now.
 * called from: pool/pool.c, with its lock held.
 */
#include "base/base.h"
#include "pool/witness.h"

#include "policy/ace.h"

static struct hm_superslab *youngest, *older;

void hm_witness_begin(struct hm_superslab *ss)
{
	/* What it told before is past. */
	if (ss == youngest) {
		youngest = older;
		older = NULL;
	} else if (ss == older) {
		older = NULL;
	}
	if (hm_superslab_is_huge(ss))
		return;
	older = youngest;
	youngest = ss;
}

static bool is_evidence(const struct hm_superslab *ss)
{
	return ss != NULL && hm_load_relaxed(&ss->kind) == HM_REG_SUPERSLAB &&
	       !hm_superslab_is_huge(ss) && hm_load_relaxed(&ss->free_mask) == 0;
}

struct hm_superslab *hm_witness_get(size_t in_use)
{
	if (!hm_ace_wants_huge(in_use))
		return NULL;
	/* The younger may be filling. */
	if (is_evidence(older))
		return older;
	return is_evidence(youngest) ? youngest : NULL;
}
