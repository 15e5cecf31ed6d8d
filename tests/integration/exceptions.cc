// SPDX-License-Identifier: MIT
// exceptions.cc - handlers of each kind are left by an exception for whoever has
// called iv_main(), and nothing that was due is lost.

#include <cstdio>
#include <cstdlib>
#include <csignal>
#include <string>
#include <unistd.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_loop.h>
#include <iv_signal.h>
#include <iv_tick.h>
#include <iv_work.h>

namespace {

struct thrown {
	const char *what;
};

std::string heard;
bool destroyed;

struct witness {
	~witness()
	{
		destroyed = true;
	}
};

void throws(void *what)
{
	witness w;

	throw thrown{static_cast<const char *>(what)};
}

void hears(void *what)
{
	const char *text = static_cast<const char *>(what);

	if (heard.find(text) == std::string::npos)
		heard += text;
}

void nothing(void *)
{
}

// Each throws, and stands before one of its kind that does not.
struct everything {
	iv_task tasks[2];
	iv_timer timers[2];
	iv_event events[2];
	iv_event_raw raws[2];
	iv_signal signals[2];
	iv_work_item items[2];
	iv_tick tick;
	iv_fd fds[2];
	int pipes[2][2];
};

template<class T> void set(T &object, int i, const char *what)
{
	object.cookie = const_cast<char *>(what);
	object.handler = i == 0 ? throws : hears;
}

void begin(everything &e)
{
	for (int i = 0; i < 2; i++) {
		IV_TASK_INIT(&e.tasks[i]);
		set(e.tasks[i], i, "task ");
		iv_task_register(&e.tasks[i]);
		IV_TIMER_INIT(&e.timers[i]);
		set(e.timers[i], i, "timer ");
		iv_timer_register(&e.timers[i]);
		IV_EVENT_INIT(&e.events[i]);
		set(e.events[i], i, "event ");
		iv_event_register(&e.events[i]);
		iv_event_post(&e.events[i]);
		IV_EVENT_RAW_INIT(&e.raws[i]);
		set(e.raws[i], i, "raw ");
		iv_event_raw_register(&e.raws[i]);
		iv_event_raw_post(&e.raws[i]);
		IV_SIGNAL_INIT(&e.signals[i]);
		set(e.signals[i], i, "signal ");
		e.signals[i].signum = SIGUSR1;
		iv_signal_register(&e.signals[i]);
		IV_WORK_ITEM_INIT(&e.items[i]);
		e.items[i].cookie = const_cast<char *>("work ");
		e.items[i].work = nothing;
		e.items[i].completion = i == 0 ? throws : hears;
		iv_work_pool_submit_work(nullptr, &e.items[i]);
		if (pipe(e.pipes[i]) < 0)
			std::abort();
		IV_FD_INIT(&e.fds[i]);
		e.fds[i].fd = e.pipes[i][1];
		e.fds[i].cookie = const_cast<char *>("fd ");
		e.fds[i].handler_out = i == 0 ? throws : hears;
		iv_fd_register(&e.fds[i]);
	}
	std::raise(SIGUSR1);
	IV_TICK_INIT(&e.tick);
	set(e.tick, 0, "tick ");
	e.tick.interval.tv_nsec = 1;
	iv_tick_register(&e.tick);
}

void end(everything &e)
{
	for (int i = 0; i < 2; i++) {
		iv_event_unregister(&e.events[i]);
		iv_event_raw_unregister(&e.raws[i]);
		iv_signal_unregister(&e.signals[i]);
	}
	iv_fd_unregister(&e.fds[1]);
	iv_deinit();
}

bool heard_all()
{
	for (const char *kind : {"task ", "timer ", "event ", "raw ",
				 "signal ", "work ", "fd "})
		if (heard.find(kind) == std::string::npos)
			return false;
	return true;
}

// One turn after the other, until all have been called, those included that
// came after one that has thrown.
void run(everything &e)
{
	std::string caught;

	for (int turns = 0; turns < 1000 && !heard_all(); turns++) {
		try {
			iv_run(IV_RUN_NOWAIT);
		} catch (const thrown &t) {
			if (!destroyed)
				std::puts("no destructor was called");
			destroyed = false;
			if (caught.find(t.what) == std::string::npos)
				caught += t.what;
			if (t.what == std::string("fd "))
				iv_fd_unregister(&e.fds[0]);
			if (t.what == std::string("tick "))
				iv_tick_unregister(&e.tick);
		}
	}
	for (const char *kind : {"task ", "timer ", "event ", "raw ",
				 "signal ", "work ", "fd ", "tick "})
		if (caught.find(kind) == std::string::npos)
			std::printf("not caught: %s\n", kind);
	if (!heard_all())
		std::printf("heard only: %s\n", heard.c_str());
}

void main_is_left(void)
{
	iv_task task;

	IV_TASK_INIT(&task);
	set(task, 0, "main");
	iv_task_register(&task);
	try {
		iv_main();
		std::puts("iv_main() has returned");
	} catch (const thrown &) {
	}
}

} // namespace

int main()
{
	everything e = everything();

	iv_init();
	main_is_left();
	begin(e);
	run(e);
	end(e);
	return 0;
}
