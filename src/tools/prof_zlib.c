/*
 * prof_zlib.c - gzip.
 *
 * owns: nothing.
 * called from: tools/prof_pprof.c.
 */
#include "tools/tool.h"
#include "tools/prof.h"

#include <string.h>
#include <zlib.h>

/* So that windowBits ask for gzip's head and end. */
#define GZIP (15 + 16)

bool prof_has_gzip(void)
{
	return true;
}

bool prof_gzip(const void *data, size_t size, FILE *out)
{
	z_stream z;
	unsigned char piece[16384];
	int result;

	memset(&z, 0, sizeof(z));
	if (size > UINT32_MAX ||
	    deflateInit2(&z, 6, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		tool_die(EXIT_PROF, "zlib: no memory");
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)size;
	do {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		result = deflate(&z, Z_FINISH);
		fwrite(piece, 1, sizeof(piece) - z.avail_out, out);
	} while (result == Z_OK);
	deflateEnd(&z);
	return result == Z_STREAM_END;
}
