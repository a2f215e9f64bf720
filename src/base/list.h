/*
 * list.h - intrusive doubly linked circular list.
 *
 * owns: nothing. A node that is on no list points to itself, so that unlinking
 * twice is harmless and "is it listed" is one comparison.
 * called from: pool/, heap/.
 */
#ifndef HM_BASE_LIST_H
#define HM_BASE_LIST_H

#include "base/base.h"

struct hm_list {
	struct hm_list *next, *prev;
};

hm_inline void hm_list_init(struct hm_list *l)
{
	l->next = l->prev = l;
}

hm_inline bool hm_list_empty(const struct hm_list *l)
{
	return l->next == l;
}

hm_inline void hm_list_add_after(struct hm_list *at, struct hm_list *n)
{
	n->next = at->next;
	n->prev = at;
	at->next->prev = n;
	at->next = n;
}

hm_inline void hm_list_add_head(struct hm_list *l, struct hm_list *n)
{
	hm_list_add_after(l, n);
}

hm_inline void hm_list_add_tail(struct hm_list *l, struct hm_list *n)
{
	hm_list_add_after(l->prev, n);
}

hm_inline void hm_list_remove(struct hm_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	hm_list_init(n);
}

#endif
