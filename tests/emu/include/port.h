/* SPDX-License-Identifier: MIT */
/*
 * port.h - event ports as port_create(3C), port_associate(3C), port_get(3C),
 * port_send(3C) and signal.h(3HEAD) document them.
 */
#ifndef EMU_PORT_H
#define EMU_PORT_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define PORT_SOURCE_TIMER	2
#define PORT_SOURCE_USER	3
#define PORT_SOURCE_FD		4

/* Like no other way of being notified on this system. */
#ifndef SIGEV_PORT
#define SIGEV_PORT		0x506f
#endif

typedef unsigned int	uint_t;
typedef unsigned short	ushort_t;

typedef struct port_event {
	int		portev_events;
	ushort_t	portev_source;
	ushort_t	portev_pad;
	uintptr_t	portev_object;
	void		*portev_user;
} port_event_t;

typedef struct port_notify {
	int		portnfy_port;
	void		*portnfy_user;
} port_notify_t;

int port_create(void);
int port_associate(int port, int source, uintptr_t object, int events,
		   void *user);
int port_dissociate(int port, int source, uintptr_t object);
int port_send(int port, int events, void *user);
int port_get(int port, port_event_t *event, struct timespec *timeout);
int port_getn(int port, port_event_t list[], uint_t max, uint_t *nget,
	      struct timespec *timeout);

#endif
