/*
 * print.h - building text without malloc or stdio.
 *
 * owns: nothing; the buffer is the caller's. Text that does not fit is cut, and
 * the buffer always stays terminated. No function here changes errno.
 * called from: policy/options.c, report/, and whoever words a message.
 */
#ifndef HM_OS_PRINT_H
#define HM_OS_PRINT_H

#include "base/base.h"

struct hm_text {
	char *buf;
	size_t len, cap; /* len < cap */
};

void hm_text_init(struct hm_text *t, char *buf, size_t cap);
void hm_text_str(struct hm_text *t, const char *s);
void hm_text_bytes(struct hm_text *t, const char *s, size_t n);
void hm_text_char(struct hm_text *t, char c);
void hm_text_dec(struct hm_text *t, uint64_t v);
/* Right-aligned in `width` columns. */
void hm_text_dec_pad(struct hm_text *t, uint64_t v, unsigned width);
/* With 0x in front. */
void hm_text_hex(struct hm_text *t, uint64_t v);

#endif
