/*
 * witness.h - superslabs without huge pages that can tell whether what is mapped now is used
 * whole (policy/ace.h: huge pages, by evidence).
 *
 * owns: nothing.
 * called from: pool/pool.c, with its lock held.
 */
#ifndef HM_POOL_WITNESS_H
#define HM_POOL_WITNESS_H

#include "space/superslab.h"

/* This one is about to be filled, with huge pages or without. */
void hm_witness_begin(struct hm_superslab *ss);

/*
 * One that is full, of the last two that began without, when so many superslabs are in use; NULL
 * when neither is, or the next one is not to ask.
 */
struct hm_superslab *hm_witness_get(size_t in_use);

#endif
