# hakmem's own macros.

# HM_ARG_BOOL(NAME, CONFIG-NAME, DEFAULT, HELP, TEMPLATE)
# --enable-NAME that takes yes or no and nothing else; CONFIG-NAME, if any, becomes 0 or 1.
AC_DEFUN([HM_ARG_BOOL], [
AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$4 (default: $3)])], [],
	[AS_TR_SH([enable_$1])=$3])
AS_CASE([$AS_TR_SH([enable_$1])], [yes | no], [],
	[AC_MSG_ERROR([--enable-$1=$AS_TR_SH([enable_$1]): expected yes or no])])
m4_ifval([$2], [
AS_IF([test "$AS_TR_SH([enable_$1])" = yes], [$2=1], [$2=0])
AC_DEFINE_UNQUOTED([$2], [$$2], [$5])
])])

# HM_CFLAGS_TRY(VARIABLE, FLAGS, IF-REFUSED)
# Each of FLAGS that the compiler takes is appended to VARIABLE, which is substituted.
AC_DEFUN([HM_CFLAGS_TRY], [
for hm_flag in m4_normalize([$2]); do
	AS_VAR_PUSHDEF([hm_cache], [hm_cv_cflag_$hm_flag])
	AC_CACHE_CHECK([whether $CC takes $hm_flag], [hm_cache], [
		hm_saved_cflags=$CFLAGS
		# clang warns about what it does not know, and goes on
		CFLAGS="$CFLAGS -Werror $hm_flag"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
			[AS_VAR_SET([hm_cache], [yes])], [AS_VAR_SET([hm_cache], [no])])
		CFLAGS=$hm_saved_cflags])
	AS_VAR_IF([hm_cache], [yes], [$1="$$1 $hm_flag"], [$3])
	AS_VAR_POPDEF([hm_cache])
done
AC_SUBST([$1])])

AC_DEFUN([HM_CFLAGS_ADD], [HM_CFLAGS_TRY([$1], [$2], [:])])
AC_DEFUN([HM_CFLAGS_NEED], [HM_CFLAGS_TRY([$1], [$2],
	[AC_MSG_ERROR([$CC does not take $hm_flag, which this build needs])])])

# Words of the size of a pointer, and 32-bit ones, are changed by one lock-free instruction.
AC_DEFUN([HM_REQUIRE_ATOMICS], [
AC_CACHE_CHECK([for lock-free atomics], [hm_cv_atomics], [
AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <stdint.h>
_Static_assert(__atomic_always_lock_free(sizeof(void *), 0), "pointer");
_Static_assert(__atomic_always_lock_free(sizeof(uint32_t), 0), "32 bits");
static uintptr_t word;
]], [[
	uintptr_t old = __atomic_load_n(&word, __ATOMIC_ACQUIRE);
	return !__atomic_compare_exchange_n(&word, &old, old + 1, 0, __ATOMIC_ACQ_REL,
		__ATOMIC_RELAXED);
]])], [hm_cv_atomics=yes], [hm_cv_atomics=no])])
AS_IF([test "$hm_cv_atomics" = no],
	[AC_MSG_ERROR([hakmem needs lock-free atomics on pointers, and $CC has none for $host])])])

# HM_REQUIRE_LIBC(MAJOR, MINOR)
# glibc of that version at least, or musl, which tells nobody that it is musl: $hm_cv_libc.
AC_DEFUN([HM_REQUIRE_LIBC], [
AC_CACHE_CHECK([which libc this is], [hm_cv_libc], [
hm_cv_libc=unknown
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#include <features.h>
#if !defined(__GLIBC__) || defined(__UCLIBC__)
#error another libc
#endif
]], [])], [hm_cv_libc=glibc], [
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#include <features.h>
#include <stdarg.h>
#if defined(__UCLIBC__) || defined(__BIONIC__) || !defined(__DEFINED_va_list)
#error not musl
#endif
]], [])], [hm_cv_libc=musl])])])
AS_CASE([$hm_cv_libc],
	[musl], [],
	[glibc], [AC_CACHE_CHECK([for glibc $1.$2 or newer], [hm_cv_glibc], [
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#include <features.h>
#if !__GLIBC_PREREQ($1, $2)
#error too old
#endif
]], [])], [hm_cv_glibc=yes], [hm_cv_glibc=no])])
	AS_IF([test "$hm_cv_glibc" = no],
		[AC_MSG_ERROR([hakmem needs glibc $1.$2 or newer, and this one is older])])],
	[AC_MSG_ERROR([hakmem needs glibc $1.$2 or newer, or musl, and this libc is neither])])
# musl does without the headers of the kernel, which this library does not.
AC_CHECK_HEADER([linux/futex.h], [],
	[AC_MSG_ERROR([hakmem needs the headers of the kernel: $CC finds no linux/futex.h])])])

# HM_VERBATIM(CONFIG-NAME, TEMPLATE)
# The template of a define that a target may replace by -D.
AC_DEFUN([HM_VERBATIM], [
AH_VERBATIM([$1], [/* $2 */
#ifndef $1
# undef $1
#endif])])

# HM_WANT_VARIANTS
# Takes $with_variants apart into $HM_VARIANTS, and conditionals HM_WITH_name. One that would be the
# library itself by another name is a mistake of who asked for it.
AC_DEFUN([HM_WANT_VARIANTS], [
AS_IF([test $HM_HEADERLESS = 1], [hm_other=header], [hm_other=headerless])
hm_debug=debug
AS_IF([test $HM_HEADERLESS = 0 && test $hm_guards = 2], [hm_debug=])
AS_CASE([$with_variants],
	[no], [hm_wanted=],
	[all], [hm_wanted="$hm_other $hm_debug"],
	[yes | '' | *[[!a-z,]]*], [AC_MSG_ERROR(
		[--with-variants=$with_variants: expected some of header, headerless, debug, or all])],
	[hm_wanted=`echo "$with_variants" | tr , ' '`])
for hm_name in $hm_wanted; do
	AS_CASE([$hm_name],
		[header | headerless], [AS_IF([test $hm_name != $hm_other],
			[AC_MSG_ERROR([--with-variants=$hm_name: the library itself is built so])])],
		[debug], [AS_IF([test -z "$hm_debug"],
			[AC_MSG_ERROR([--with-variants=debug: the library itself is built so])])],
		[AC_MSG_ERROR(
			[--with-variants: $hm_name is none of header, headerless, debug, all])])
	AS_CASE([" $HM_VARIANTS "], [*" $hm_name "*], [], [HM_VARIANTS="$HM_VARIANTS $hm_name"])
done
AS_IF([test "$with_variants" != no && test -z "$HM_VARIANTS"],
	[AC_MSG_ERROR([--with-variants=$with_variants: names none])])
AC_SUBST([HM_VARIANTS])
m4_foreach([hm_v], [[header], [headerless], [debug]], [
AS_CASE([" $HM_VARIANTS "], [*" hm_v "*], [hm_with=yes], [hm_with=no])
AM_CONDITIONAL([HM_WITH_]hm_v, [test $hm_with = yes])])
])
