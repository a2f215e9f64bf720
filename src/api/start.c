/*
 * start.c - what the library does when the process starts, besides heap/init.c, and exits.
 *
 * owns: nothing.
 * called from: the loader.
 */
#include "base/base.h"

#include "api/start.h"

#include "policy/options.h"
#include "heap/checked.h"
#include "heap/passthrough.h"
#include "report/build.h"
#include "report/channel.h"
#include "report/dump.h"
#include "report/profile.h"

const char hm_start_linked = 1;

#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)
__attribute__((used)) const char hm_build[] =
	"hakmem-build: " PACKAGE_VERSION " headerless=" NUMBER(HM_HEADERLESS) " tls-hint=" NUMBER(
		HM_TLS_HINT) " prewarm=" NUMBER(HM_PREWARM) " guards=" NUMBER(HM_GUARDS)
		" variant=" HM_VARIANT;

/* The options were read (heap/init.c). */
__attribute__((constructor(102))) static void begin(void)
{
	hm_dump_start();
	if (hm_options.profile)
		(void)hm_profile_follow();
	hm_channel_start();
}

__attribute__((destructor(101))) static void finish(void)
{
	if (hm_options.check && !hm_passthrough_is_on())
		hm_checked_finish();
	if (hm_options.stats || hm_options.stats_signal > 0)
		hm_dump_finish();
	if (hm_options.profile_file || hm_options.profile_leaks)
		hm_profile_finish();
}
