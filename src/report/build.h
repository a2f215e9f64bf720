/*
 * build.h - a line about how the library was built.
 *
 * owns: nothing. It is in the library's file and in its memory: hakmem-doctor finds it in a file,
 * stripped or not, without loading it; hakmem-ctl by the view (view.h).
 * called from: api/start.c, which has it; report/view.c.
 */
#ifndef HM_REPORT_BUILD_H
#define HM_REPORT_BUILD_H

/* "hakmem-build: VERSION SWITCH=VALUE ..." */
extern const char hm_build[];

#endif
