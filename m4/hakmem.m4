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

# HM_REQUIRE_GLIBC(MAJOR, MINOR)
AC_DEFUN([HM_REQUIRE_GLIBC], [
AC_CACHE_CHECK([for glibc $1.$2 or newer], [hm_cv_glibc], [
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#include <features.h>
#if !defined(__GLIBC__) || !__GLIBC_PREREQ($1, $2)
#error too old, or another libc
#endif
]], [])], [hm_cv_glibc=yes], [hm_cv_glibc=no])])
AS_IF([test "$hm_cv_glibc" = no],
	[AC_MSG_ERROR([hakmem needs glibc $1.$2 or newer])])])
