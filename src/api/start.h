/*
 * start.h - what makes a static link take the library's destructor in.
 *
 * owns: nothing.
 * called from: api/alloc.c.
 */
#ifndef HM_API_START_H
#define HM_API_START_H

extern const char hm_start_linked;

#endif
