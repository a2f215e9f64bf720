/*
 * test_config.c - the lines of a configuration file, without any file: what each says, what is
 * wrong with it, and that nothing but its own text is touched.
 */
#include "base/base.h"
#include "policy/config.h"

#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All lines of the text, a word each: kind, number, modifiers, strings. */
static const char *read_all(const char *text, size_t len)
{
	static const char *const kinds[] = { "set", "section", "include", "bad" };
	static char out[4096];
	/* Exactly as long as it may be, for a sanitizer to watch. */
	char *copy = malloc(len + 1), *at = out;
	struct hm_config_reader r;
	struct hm_config_line line;

	memcpy(copy, text, len);
	hm_config_start(&r, copy, len);
	*at = '\0';
	while (hm_config_next(&r, &line)) {
		at += sprintf(at, "%u:%s%s%s", line.number, kinds[line.kind],
			      line.fixed ? "-" : "",
			      line.where == HM_CONFIG_ONLY_SECURE ? "@" :
			      line.where == HM_CONFIG_NOT_SECURE  ? "$" :
								    "");
		if (line.key != NULL)
			at += sprintf(at, " <%s>", line.key);
		if (line.value != NULL)
			at += sprintf(at, " <%s>", line.value);
		if (line.wrong != NULL)
			at += sprintf(at, " %s", line.wrong);
		at += sprintf(at, "\n");
	}
	ck_assert(!hm_config_next(&r, &line));
	free(copy);
	return out;
}

#define READS(text, expected) ck_assert_str_eq(read_all(text, sizeof(text) - 1), expected)

START_TEST(nothing)
{
	READS("", "");
	READS("\n\n\n", "");
	READS("   \t \n\t\n", "");
	READS("# a comment\n   # and one\n#", "");
	READS("\r\n\r\n", "");
	READS("\xef\xbb\xbf", "");
}
END_TEST

START_TEST(settings)
{
	READS("a = b", "1:set <a> <b>\n");
	READS("a=b\n", "1:set <a> <b>\n");
	READS(" \ta\t=\tb \t\r\n", "1:set <a> <b>\n");
	READS("dirty_max=1 G", "1:set <dirty_max> <1 G>\n");
	READS("a = b # c\nd=e#f\ng = # h",
	      "1:set <a> <b>\n2:set <d> <e#f>\n3:bad not key = value\n");
	READS("a==b\na=b=c", "1:set <a> <=b>\n2:set <a> <b=c>\n");
	READS("\xef\xbb\xbf" "a=b", "1:set <a> <b>\n");
	READS("a=\xc3\xa4", "1:set <a> <\xc3\xa4>\n");
	/* Keys that begin as something else does. */
	READS("include = x\nincluded=1", "1:set <include> <x>\n2:set <included> <1>\n");
	READS("overridable=1\nnonsecure_x = 1",
	      "1:set <overridable> <1>\n2:set <nonsecure_x> <1>\n");
}
END_TEST

START_TEST(modifiers)
{
	READS("+a=b\n-a=b\n@a=b\n$a=b",
	      "1:set <a> <b>\n2:set- <a> <b>\n3:set@ <a> <b>\n4:set$ <a> <b>\n");
	READS("- @ a = b\n-@a=b\n @-a=b", "1:set-@ <a> <b>\n2:set-@ <a> <b>\n3:set-@ <a> <b>\n");
	READS("overridable a=b\nnonoverridable a=b\nonlysecure a=b\nnonsecure a=b\nanysecure a=b",
	      "1:set <a> <b>\n2:set- <a> <b>\n3:set@ <a> <b>\n4:set$ <a> <b>\n5:set <a> <b>\n");
	READS("nonoverridable onlysecure\ta = b", "1:set-@ <a> <b>\n");
	READS("-+a=b\n@$a=b\n@ anysecure a=b", "1:set <a> <b>\n2:set$ <a> <b>\n3:set <a> <b>\n");
	READS("-\n@$\n+ = x\noverridable\nonlysecure = ",
	      "1:bad- not key = value\n2:bad$ not key = value\n3:bad not key = value\n"
	      "4:bad not key = value\n5:bad@ not key = value\n");
}
END_TEST

#define NO_SECTION " not [proc:name] or [proc:/path]\n"

START_TEST(sections)
{
	READS("[proc:nginx]", "1:section <nginx>\n");
	READS(" [ proc:/usr/bin/x y ] # c", "1:section" NO_SECTION);
	READS("[proc:/usr/bin/x y]\t# c", "1:section </usr/bin/x y>\n");
	READS("[]\n[\n[proc]\n[proc:]\n[proc: a]\n[proc:a ]\n[proc:a\n[cgroup:a]\n[proc:a/b]\n"
	      "[proc:a] b",
	      "1:section" NO_SECTION "2:section" NO_SECTION "3:section" NO_SECTION
	      "4:section" NO_SECTION "5:section" NO_SECTION "6:section" NO_SECTION
	      "7:section" NO_SECTION "8:section" NO_SECTION "9:section" NO_SECTION
	      "10:section" NO_SECTION);
	ck_assert(hm_config_applies("sh", "sh", NULL));
	ck_assert(!hm_config_applies("sh", "bash", "/bin/sh"));
	ck_assert(!hm_config_applies("sh", NULL, "/bin/sh"));
	ck_assert(hm_config_applies("/bin/sh", "x", "/bin/sh"));
	ck_assert(!hm_config_applies("/bin/sh", "/bin/sh", "/bin/bash"));
	ck_assert(!hm_config_applies("/bin/sh", "sh", NULL));
}
END_TEST

START_TEST(includes)
{
	READS("include /a/b.conf\ninclude\ta.d/*.conf # c\r\n",
	      "1:include </a/b.conf>\n2:include <a.d/*.conf>\n");
	READS("include a b", "1:include <a b>\n");
	READS("include\ninclude \n-include a", "1:bad not key = value\n2:bad not key = value\n"
					       "3:bad- not key = value\n");
	ck_assert(hm_config_matches("*.conf", "a.conf"));
	ck_assert(hm_config_matches("*", "a") && hm_config_matches("**", "a"));
	ck_assert(hm_config_matches("a*b*c", "axxbybc") && hm_config_matches("a*", "a"));
	ck_assert(hm_config_matches("10-*.conf", "10-.conf"));
	ck_assert(!hm_config_matches("*.conf", "a.conf~") && !hm_config_matches("*.conf", "conf"));
	ck_assert(!hm_config_matches("a*b*c", "axxbyb") && !hm_config_matches("a*", "ba"));
	ck_assert(!hm_config_matches("*", ".hidden") && !hm_config_matches("*.conf", ".conf"));
	ck_assert(hm_config_matches(".*", ".hidden"));
}
END_TEST

START_TEST(rubbish)
{
	char text[6000];

	READS("hello\n= 1\na b = c\nA=1\na-b=c\n{}",
	      "1:bad not key = value\n2:bad not key = value\n3:bad not key = value\n"
	      "4:bad not key = value\n5:bad not key = value\n6:bad not key = value\n");
	READS("a=b\0c\nd=e", "1:bad has a control character\n2:set <d> <e>\n");
	READS("\0\0\0", "1:bad has a control character\n");
	READS("a=\x1b[2J\nb=1\rc=2\nx=\x7f", "1:bad has a control character\n"
		"2:bad has a control character\n3:bad has a control character\n");
	memset(text, 'x', sizeof text);
	text[1] = '=';
	text[2048] = '\n'; /* a line of 2048 characters */
	text[2048 + 2050] = '\n'; /* and one more than may be */
	ck_assert_uint_gt(strlen(read_all(text, 2048)), 2000);
	ck_assert_str_eq(read_all(text + 2049, 2049), "1:bad longer than 2048 characters\n");
	ck_assert_ptr_nonnull(strstr(read_all(text, sizeof text), "\n2:bad longer"));
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		nothing, settings, modifiers, sections, includes, rubbish,
	};

	return SUPPORT_RUN("config", tests);
}
