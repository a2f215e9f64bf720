/*
 * figures.c - the counts that can be read from outside.
 *
 * owns: hm_figures.
 * called from: policy/figures.h's users.
 */
#include "base/base.h"
#include "policy/figures.h"

struct hm_figures hm_figures;
