/* SPDX-License-Identifier: MIT */
/*
 * consumer.c - a program that somebody might compile with the installed
 * library, as C or as C++: a timer and a post from another thread end its
 * loop.
 */
#include <iv.h>
#include <iv_event.h>
#include <pthread.h>
#include <stdio.h>

static struct iv_event event;
static struct iv_timer timer;

static void *thread_main(void *arg)
{
	iv_event_post((struct iv_event *)arg);
	return NULL;
}

static void got_event(void *cookie)
{
	(void)cookie;
	iv_event_unregister(&event);
	iv_quit();
}

static void got_timer(void *cookie)
{
	pthread_t *thread = (pthread_t *)cookie;

	if (pthread_create(thread, NULL, thread_main, &event) != 0)
		iv_fatal("consumer: no thread");
}

int main(void)
{
	pthread_t thread;

	iv_init();

	IV_EVENT_INIT(&event);
	event.handler = got_event;
	if (iv_event_register(&event) != 0)
		iv_fatal("consumer: iv_event_register: %d", errno);

	IV_TIMER_INIT(&timer);
	iv_validate_now();
	timer.expires = iv_now;
	timer.cookie = &thread;
	timer.handler = got_timer;
	iv_timer_register(&timer);

	iv_main();
	pthread_join(thread, NULL);
	iv_deinit();

	return printf("%s\n", iv_poll_method_name()) < 0;
}
