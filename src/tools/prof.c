/*
 * prof.c - hakmem-prof: makes something to look at of a heap profile.
 *
 * owns: nothing.
 * called from: the command line; man/hakmem-prof.1 says how.
 */
#include "tools/tool.h"
#include "tools/prof.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS 30

static const char help[] =
	"usage: hakmem-prof [OPTION]... FILE\n"
	"Shows a heap profile that hakmem, gperftools or jemalloc has written.\n"
	"\n"
	"  -f, --format FORMAT  table: the functions that allocate most\n"
	"                       folded: a line for each stack, for other programs\n"
	"                       svg: a flame graph\n"
	"                       pprof: for pprof, compressed; proto: the same, not compressed\n"
	"  -o, --output FILE    write there; its suffix says the format if no option does:\n"
	"                       .txt .folded .svg .pb.gz .pb\n"
	"  -a, --all            all that was allocated, not what lives\n"
	"  -b, --blocks         numbers of blocks, not bytes\n"
	"  -n, --rows N         rows of the table (30); 0: all\n"
	"\n"
	"  -h, --help\n"
	"      --version\n"
	"\n"
	"FILE may be -, which is standard input. Exits with 1 when FILE is no profile or the\n"
	"output cannot be written.\n";

enum { LONG_VERSION = 256 };

static const struct option options[] = {
	{ "format", required_argument, NULL, 'f' },
	{ "output", required_argument, NULL, 'o' },
	{ "all", no_argument, NULL, 'a' },
	{ "blocks", no_argument, NULL, 'b' },
	{ "rows", required_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, LONG_VERSION },
	{ NULL, 0, NULL, 0 },
};

enum format { TABLE, FOLDED, SVG, PPROF, PROTO, FORMATS };

static const struct {
	const char *name, *suffix;
} formats[FORMATS] = {
	[TABLE] = { "table", ".txt" }, [FOLDED] = { "folded", ".folded" },
	[SVG] = { "svg", ".svg" },     [PPROF] = { "pprof", ".pb.gz" },
	[PROTO] = { "proto", ".pb" },
};

struct request {
	struct prof_view view;
	const char *output;
	int format; /* FORMATS: none was given */
	bool all, blocks;
};

bool prof_is_bytes(const struct prof_view *v)
{
	return v->value == PROF_ALL_BYTES || v->value == PROF_LIVE_BYTES;
}

const char *prof_title(const struct prof_view *v)
{
	static const char *const titles[PROF_VALUES] = {
		[PROF_ALL_BLOCKS] = "blocks allocated",
		[PROF_ALL_BYTES] = "bytes allocated",
		[PROF_LIVE_BLOCKS] = "blocks that live",
		[PROF_LIVE_BYTES] = "bytes that live",
	};

	return titles[v->value];
}

static int format_of(const char *name)
{
	int f = 0;

	while (f < FORMATS && strcmp(formats[f].name, name) != 0)
		f++;
	if (f == FORMATS)
		tool_die(EXIT_PROF, "%s: no format; table, folded, svg, pprof or proto", name);
	return f;
}

static int format_by_suffix(const char *file)
{
	size_t n = strlen(file);

	for (int f = 0; f < FORMATS; f++) {
		size_t k = strlen(formats[f].suffix);

		if (n > k && strcmp(file + n - k, formats[f].suffix) == 0)
			return f;
	}
	tool_die(EXIT_PROF, "%s: what to write there? --format, or a suffix: .txt .folded .svg "
		 ".pb.gz .pb", file);
}

static void take(struct request *r, int option)
{
	long n;

	switch (option) {
	case 'f':
		r->format = format_of(optarg);
		break;
	case 'o':
		r->output = optarg;
		break;
	case 'a':
		r->all = true;
		break;
	case 'b':
		r->blocks = true;
		break;
	case 'n':
		if (!tool_number(optarg, 0, 1000000000, &n))
			tool_die(EXIT_PROF, "--rows %s: not a number", optarg);
		r->view.rows = (unsigned)n;
		break;
	case LONG_VERSION:
		tool_version(EXIT_PROF);
	case 'h':
		fputs(help, stdout);
		exit(tool_finish(0, EXIT_PROF));
	default:
		tool_die(EXIT_PROF, "hakmem-prof --help says how it is used");
	}
}

static void write_to(FILE *out, const struct prof *p, const struct request *r)
{
	switch (r->format) {
	case FOLDED:
		prof_write_folded(p, &r->view, out);
		break;
	case SVG:
		prof_write_svg(p, &r->view, out);
		break;
	case PPROF:
	case PROTO:
		prof_write_pprof(p, &r->view, out, r->format == PPROF);
		break;
	default:
		prof_write_table(p, &r->view, out);
	}
}

static int write_file(const struct prof *p, const struct request *r)
{
	FILE *out = fopen(r->output, "w");
	bool good;

	if (out == NULL)
		tool_die(EXIT_PROF, "%s: %s", r->output, strerror(errno));
	write_to(out, p, r);
	good = fflush(out) == 0 && !ferror(out);
	if (fclose(out) == 0 && good)
		return 0;
	tool_die(EXIT_PROF, "%s: cannot be written: %s", r->output, strerror(errno));
}

static void read_file(const char *name, struct prof *p)
{
	bool standard = strcmp(name, "-") == 0;
	FILE *in = standard ? stdin : fopen(name, "r");

	if (in == NULL)
		tool_die(EXIT_PROF, "%s: %s", name, strerror(errno));
	prof_read(in, standard ? "standard input" : name, p);
	if (!standard)
		fclose(in);
}

int main(int argc, char **argv)
{
	struct request r = { .format = FORMATS, .view = { .rows = ROWS } };
	struct prof p;
	int option;

	tool_name = "hakmem-prof";
	while ((option = getopt_long(argc, argv, "f:o:abn:h", options, NULL)) != -1)
		take(&r, option);
	if (optind + 1 != argc)
		tool_die(EXIT_PROF, "one FILE is expected; see hakmem-prof --help");
	if (r.format == FORMATS)
		r.format = r.output != NULL ? format_by_suffix(r.output) : TABLE;
	if (r.format == PPROF && !prof_has_gzip())
		tool_die(EXIT_PROF, "built without zlib: not compressed; take --format=proto");
	if (r.format == PPROF && r.output == NULL && isatty(STDOUT_FILENO))
		tool_die(EXIT_PROF, "binary output is not written to a terminal; --output=FILE");
	r.view.value = r.all ? (r.blocks ? PROF_ALL_BLOCKS : PROF_ALL_BYTES) :
			       (r.blocks ? PROF_LIVE_BLOCKS : PROF_LIVE_BYTES);
	read_file(argv[optind], &p);
	prof_name(&p);
	if (r.output != NULL)
		return write_file(&p, &r);
	write_to(stdout, &p, &r);
	return tool_finish(0, EXIT_PROF);
}
