/*
 * probe.h - places where a tracer can look in (USDT): bpftrace, SystemTap, perf, gdb.
 *
 * With --enable-usdt each is one no-op instruction and a note in the library that
 * says where it is and where its arguments are; without, it is nothing. On slow
 * paths only. hakmem(7) says what each means; tests/tools/usdt.sh compares.
 * owns: nothing.
 * called from: slow paths of all floors.
 */
#ifndef HM_BASE_PROBE_H
#define HM_BASE_PROBE_H

#include "base/base.h"

#if HM_USDT
#include <sys/sdt.h>
#define hm_probe(name, a) DTRACE_PROBE1(hakmem, name, a)
#define hm_probe2(name, a, b) DTRACE_PROBE2(hakmem, name, a, b)
#define hm_probe3(name, a, b, c) DTRACE_PROBE3(hakmem, name, a, b, c)
#else
#define hm_probe(name, a) ((void)(a))
#define hm_probe2(name, a, b) ((void)(a), (void)(b))
#define hm_probe3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
