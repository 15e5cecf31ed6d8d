/* SPDX-License-Identifier: MIT */
/*
 * probe.h - places where tracers may look: docs/tracing.md has the list.
 *
 * With configure --enable-usdt each is a NOP and a note in the library, which
 * says where it is and where its arguments are; otherwise it is nothing.
 */
#ifndef IVI_SYS_PROBE_H
#define IVI_SYS_PROBE_H

/* The first argument of handler__begin and handler__end. */
enum ivi_probe {
	IVI_PROBE_IN = 1,
	IVI_PROBE_OUT,
	IVI_PROBE_ERR,
	IVI_PROBE_TIMER,
	IVI_PROBE_TASK,
	IVI_PROBE_EVENT,
	IVI_PROBE_CALL,
	IVI_PROBE_HOOK
};

#ifdef IVI_USDT

#include <sys/sdt.h>

#define ivi_probe1(name, a)		DTRACE_PROBE1(ivykis, name, a)
#define ivi_probe2(name, a, b)		DTRACE_PROBE2(ivykis, name, a, b)
#define ivi_probe3(name, a, b, c)	DTRACE_PROBE3(ivykis, name, a, b, c)
#define ivi_probe4(name, a, b, c, d)	DTRACE_PROBE4(ivykis, name, a, b, c, d)

#else

#define ivi_probe1(name, a)		((void)(a))
#define ivi_probe2(name, a, b)		((void)(a), (void)(b))
#define ivi_probe3(name, a, b, c)	((void)(a), (void)(b), (void)(c))
#define ivi_probe4(name, a, b, c, d)	((void)(a), (void)(b), (void)(c), \
					 (void)(d))

#endif

#endif
