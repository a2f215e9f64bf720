/*
 * finding.c - collecting findings and printing them.
 *
 * They are kept until all is looked at: a process that ends meanwhile leaves no half truth.
 * owns: the findings so far.
 * called from: tools/doctor*.c.
 */
#include "tools/tool.h"
#include "tools/finding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A broken file may have as many bad lines; the last finding says that there are more. */
#define FINDINGS 400

static struct finding {
	enum finding_level level;
	const char *topic;
	char *text, *cure;
} findings[FINDINGS];
static unsigned count, lost;

static const char *const levels[] = { "ok", "note", "problem" };

static char *keep(const char *s)
{
	char *copy = strdup(s);

	if (copy == NULL)
		tool_die(2, "%s", strerror(errno));
	return copy;
}

void finding_add(enum finding_level level, const char *topic, const char *cure, const char *format,
		 ...)
{
	char text[8192];
	va_list list;

	if (count == FINDINGS) {
		lost++;
		return;
	}
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	findings[count++] = (struct finding){
		.level = level,
		.topic = topic,
		.text = keep(text),
		.cure = cure == NULL ? NULL : keep(cure),
	};
}

static void print_lines(void)
{
	for (unsigned i = 0; i < count; i++) {
		const struct finding *f = &findings[i];

		/* File names are in it. Nothing else is done with it after this. */
		tool_make_plain(f->text);
		printf("%s: %s", levels[f->level], f->text);
		if (f->cure != NULL)
			printf("; cure: %s", f->cure);
		putchar('\n');
	}
	if (lost > 0)
		printf("problem: %u more findings; cure: begin with the first\n", lost);
}

static void print_json(const char *subject, unsigned problems)
{
	printf("{\"subject\": ");
	tool_json(stdout, subject);
	printf(", \"version\": \"%s\", \"problems\": %u, \"left_out\": %u, \"findings\": [",
	       PACKAGE_VERSION, problems, lost);
	for (unsigned i = 0; i < count; i++) {
		const struct finding *f = &findings[i];

		printf("%s\n  {\"level\": \"%s\", \"topic\": \"%s\", \"text\": ",
		       i == 0 ? "" : ",", levels[f->level], f->topic);
		tool_json(stdout, f->text);
		printf(", \"cure\": ");
		if (f->cure == NULL)
			printf("null");
		else
			tool_json(stdout, f->cure);
		putchar('}');
	}
	printf("\n]}\n");
}

bool finding_print(bool json, const char *subject)
{
	unsigned problems = lost;

	for (unsigned i = 0; i < count; i++)
		problems += findings[i].level == FINDING_PROBLEM;
	if (json)
		print_json(subject, problems);
	else
		print_lines();
	return problems > 0;
}
