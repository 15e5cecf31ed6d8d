/* SPDX-License-Identifier: MIT */
/*
 * port.h - what port-timer borrows from port.
 */
#ifndef IVI_POLL_PORT_H
#define IVI_POLL_PORT_H

#include <port.h>
#include <signal.h>
#include <time.h>
#include "loop/poll_method.h"

/* Events fetched by one call. */
#define PORT_BATCH	1024

struct port {
	struct ivi_poller	p;
	int	fd;
	timer_t	timer;		/* port_timer.c */
	port_event_t	batch[PORT_BATCH];
};

int port_open(struct ivi_poller *p);
void port_close(struct ivi_poller *p);
int port_apply(struct ivi_poller *p, struct ivi_fd *f);
unsigned port_wait(struct ivi_poller *p, int64_t until);
int port_wake_open(struct ivi_poller *p);
void port_wake(struct ivi_poller *p);
int port_descriptor(struct ivi_poller *p);

#endif
