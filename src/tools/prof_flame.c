/*
 * prof_flame.c - stacks folded into a tree: as text, and as a flame graph.
 *
 * owns: nothing.
 * called from: tools/prof.c.
 * The graph is after B. Gregg, The flame graph, CACM 59(6), 2016: a box for each function below
 * which others were called, as wide as what they allocate. It stands alone, without a script: the
 * whole name and figures of a box are its title, which a browser shows under the pointer.
 */
#include "tools/tool.h"
#include "tools/prof.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 1200.0
#define MARGIN 10.0
#define ROW 17
#define HEAD 40
#define FOOT 14
/* Narrower boxes are not drawn. */
#define BOX_MIN 0.2
#define CHARACTER 7.0

struct node {
	const char *name;
	double value;
	struct node *first, *next; /* its callees, the most first when they were sorted */
};

static struct node *callee(struct node *n, const char *name)
{
	struct node *c;

	for (c = n->first; c != NULL; c = c->next) {
		if (c->name == name)
			return c;
	}
	c = prof_grow(NULL, 1, sizeof(*c));
	*c = (struct node){ .name = name, .next = n->first };
	n->first = c;
	return c;
}

static void fold(const struct prof *p, const struct prof_view *v, struct node *root)
{
	for (size_t i = 0; i < p->nr_samples; i++) {
		const struct prof_sample *s = &p->samples[i];
		struct node *n = root;

		if (s->value[v->value] <= 0)
			continue;
		root->value += s->value[v->value];
		for (unsigned k = s->depth; k-- > 0;) {
			n = callee(n, p->frames[p->addresses[s->first + k]].function);
			n->value += s->value[v->value];
		}
	}
}

static int compare(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;

	return strcmp(x->name, y->name);
}

/* By name, so that two graphs of one program can be compared. Depth is bounded by the reader. */
static void sort(struct node *n)
{
	struct node **list = NULL;
	size_t count = 0, i = 0;

	for (struct node *c = n->first; c != NULL; c = c->next)
		count++;
	if (count == 0)
		return;
	list = prof_grow(NULL, count, sizeof(*list));
	for (struct node *c = n->first; c != NULL; c = c->next)
		list[i++] = c;
	qsort(list, count, sizeof(*list), compare);
	n->first = list[0];
	for (i = 0; i < count; i++) {
		list[i]->next = i + 1 < count ? list[i + 1] : NULL;
		sort(list[i]);
	}
	free(list);
}

static void discard(struct node *n)
{
	struct node *next;

	for (struct node *c = n->first; c != NULL; c = next) {
		next = c->next;
		discard(c);
		free(c);
	}
}

static unsigned depth_of(const struct node *n)
{
	unsigned most = 0;

	for (const struct node *c = n->first; c != NULL; c = c->next) {
		unsigned d = depth_of(c) + 1;

		if (d > most)
			most = d;
	}
	return most;
}

/* A name in a list that semicolons separate, on one line. */
static void put_folded_name(FILE *out, const char *s)
{
	for (; *s != '\0'; s++)
		putc(*s == ';' ? ':' : (unsigned char)*s < ' ' ? '?' : *s, out);
}

struct path {
	const struct path *up;
	const char *name;
};

static void put_path(FILE *out, const struct path *path)
{
	if (path->up != NULL) {
		put_path(out, path->up);
		putc(';', out);
	}
	put_folded_name(out, path->name);
}

static void put_folded(FILE *out, const struct node *n, const struct path *up)
{
	struct path path = { up, n->name };
	double own = n->value;

	for (const struct node *c = n->first; c != NULL; c = c->next)
		own -= c->value;
	if (own >= 0.5) {
		put_path(out, &path);
		fprintf(out, " %.0f\n", own);
	}
	for (const struct node *c = n->first; c != NULL; c = c->next)
		put_folded(out, c, &path);
}

void prof_write_folded(const struct prof *p, const struct prof_view *v, FILE *out)
{
	struct node root = { .name = "" };

	fold(p, v, &root);
	sort(&root);
	for (const struct node *c = root.first; c != NULL; c = c->next)
		put_folded(out, c, NULL);
	discard(&root);
}

/* At most `most` characters of text in XML; what is no plain ASCII is a question mark. */
static void put_xml(FILE *out, const char *s, size_t most)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n && i < most; i++) {
		unsigned char c = (unsigned char)s[i];

		if (n > most && i + 2 >= most)
			c = '.';
		if (c == '&')
			fputs("&amp;", out);
		else if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else
			putc(c < ' ' || c >= 0x7f ? '?' : c, out);
	}
}

static void put_amount(FILE *out, const struct prof_view *v, double n)
{
	static const char units[] = "KMGTP";
	int unit = -1;

	if (!prof_is_bytes(v)) {
		fprintf(out, "%.0f blocks", n);
		return;
	}
	for (; n >= 1024 && unit < 4; unit++)
		n /= 1024;
	if (unit < 0)
		fprintf(out, "%.0f bytes", n);
	else
		fprintf(out, "%.1f %ciB", n, units[unit]);
}

struct drawing {
	FILE *out;
	const struct prof_view *v;
	double total, height;
};

/* From red to yellow, the same for the same name. */
static void put_colour(FILE *out, const char *name)
{
	unsigned h = 5381;

	for (; *name != '\0'; name++)
		h = h * 33 + (unsigned char)*name;
	fprintf(out, "rgb(%u,%u,%u)", 205 + h % 50, 90 + (h >> 8) % 120, 30 + (h >> 16) % 40);
}

static void put_box(const struct drawing *d, const struct node *n, double x, double width, double y)
{
	size_t fits = width < 3 * CHARACTER ? 0 : (size_t)((width - 4) / CHARACTER);

	fputs("<g><title>", d->out);
	put_xml(d->out, n->name, SIZE_MAX);
	fputs(" (", d->out);
	put_amount(d->out, d->v, n->value);
	fprintf(d->out, ", %.1f %%)</title><rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" "
		"height=\"%d\" fill=\"", 100 * n->value / d->total, x, y, width, ROW - 1);
	put_colour(d->out, n->name);
	fputs("\"/>", d->out);
	if (fits > 0) {
		fprintf(d->out, "<text x=\"%.1f\" y=\"%.0f\">", x + 2, y + ROW - 5);
		put_xml(d->out, n->name, fits);
		fputs("</text>", d->out);
	}
	fputs("</g>\n", d->out);
}

static void draw(const struct drawing *d, const struct node *n, double x, unsigned level)
{
	double width = n->value / d->total * (WIDTH - 2 * MARGIN);

	if (width < BOX_MIN)
		return;
	put_box(d, n, x, width, d->height - FOOT - (double)(level + 1) * ROW);
	for (const struct node *c = n->first; c != NULL; c = c->next) {
		draw(d, c, x, level + 1);
		x += c->value / d->total * (WIDTH - 2 * MARGIN);
	}
}

void prof_write_svg(const struct prof *p, const struct prof_view *v, FILE *out)
{
	struct node root = { .name = "all" };
	struct drawing d = { .out = out, .v = v };

	fold(p, v, &root);
	sort(&root);
	d.total = root.value;
	d.height = HEAD + FOOT + (depth_of(&root) + 1.0) * ROW;
	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		"viewBox=\"0 0 %.0f %.0f\" font-family=\"monospace\" font-size=\"11\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fffdf5\"/>\n"
		"<text x=\"%.0f\" y=\"18\" font-size=\"15\">%s: ",
		WIDTH, d.height, WIDTH, d.height, MARGIN, prof_title(v));
	put_amount(out, v, root.value);
	fprintf(out, "</text>\n<text x=\"%.0f\" y=\"33\">estimated from %llu samples, one in "
		"%llu bytes</text>\n", MARGIN,
		(unsigned long long)(v->value >= PROF_LIVE_BLOCKS ? p->nr_live : p->nr_all),
		(unsigned long long)p->rate);
	if (root.value > 0)
		draw(&d, &root, MARGIN, 0);
	fputs("</svg>\n", out);
	discard(&root);
}
