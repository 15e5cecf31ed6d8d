/* SPDX-License-Identifier: MIT */
/*
 * compiler.h - what we ask of the compiler.
 */
#ifndef IVI_BASE_COMPILER_H
#define IVI_BASE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

/* The definition of a function or variable that the library exports. */
#define IVI_PUBLIC	__attribute__((visibility("default")))

#define ivi_likely(x)	__builtin_expect(!!(x), 1)
#define ivi_unlikely(x)	__builtin_expect(!!(x), 0)

/* Where the stack of the function that calls this one ends.  The address of the
   frame is below that by what this one saves where registers are kept at its
   bottom (aarch64). */
#define IVI_CALLER_STACK()	((uintptr_t)__builtin_dwarf_cfa())

/* A type that is only ever seen through the pad of a public struct. */
#define IVI_ALIAS	__attribute__((__may_alias__))

/*
 * Lays struct PRIV over member PAD, the last one of the public struct PUB:
 * defines PRIV(pub) and PRIV_pub(priv), which lead from one to the other.
 */
#define IVI_OVERLAY(pub, pad, priv)					\
_Static_assert(sizeof(struct priv) <= sizeof(struct pub) -		\
	       offsetof(struct pub, pad), #priv " outgrew its pad");	\
_Static_assert(_Alignof(struct priv) <= _Alignof(struct pub),		\
	       #priv " is aligned stricter than " #pub);		\
static inline __attribute__((unused))					\
struct priv *priv(const struct pub *p)					\
{									\
	return (struct priv *)((uintptr_t)p +				\
			       offsetof(struct pub, pad));		\
}									\
static inline __attribute__((unused))					\
struct pub *priv##_pub(const struct priv *p)				\
{									\
	return (struct pub *)((uintptr_t)p -				\
			      offsetof(struct pub, pad));		\
}

#endif
