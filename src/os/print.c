/*
 * print.c - building text without malloc or stdio.
 *
 * owns: nothing.
 * called from: policy/options.c, report/, and whoever words a message.
 */
#include "base/base.h"
#include "os/print.h"

/* Digits of the largest 64-bit number, in decimal. */
#define DEC_DIGITS 20

void hm_text_init(struct hm_text *t, char *buf, size_t cap)
{
	t->buf = buf;
	t->len = 0;
	t->cap = cap;
	if (cap > 0)
		buf[0] = '\0';
}

void hm_text_char(struct hm_text *t, char c)
{
	if (t->len + 1 >= t->cap)
		return;
	t->buf[t->len++] = c;
	t->buf[t->len] = '\0';
}

void hm_text_bytes(struct hm_text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hm_text_char(t, s[i]);
}

void hm_text_str(struct hm_text *t, const char *s)
{
	while (*s != '\0')
		hm_text_char(t, *s++);
}

void hm_text_dec_pad(struct hm_text *t, uint64_t v, unsigned width)
{
	char digits[DEC_DIGITS];
	unsigned n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	for (unsigned i = n; i < width; i++)
		hm_text_char(t, ' ');
	while (n > 0)
		hm_text_char(t, digits[--n]);
}

void hm_text_dec(struct hm_text *t, uint64_t v)
{
	hm_text_dec_pad(t, v, 0);
}

void hm_text_hex(struct hm_text *t, uint64_t v)
{
	unsigned shift = 0;

	while (shift < 60 && v >> (shift + 4) != 0)
		shift += 4;
	hm_text_str(t, "0x");
	for (;; shift -= 4) {
		hm_text_char(t, "0123456789abcdef"[v >> shift & 15]);
		if (shift == 0)
			return;
	}
}
