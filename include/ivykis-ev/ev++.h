/* SPDX-License-Identifier: MIT */
/*
 * ev++.h - ev.h for C++: loops and watchers as classes, callbacks as methods
 * or functions.
 *
 * For programs written for libev's header of this name.  A watcher is stopped
 * when it is destroyed, belongs to the default loop unless it was given
 * another one, and may be set while it is active: it is then stopped meanwhile.
 * Since 1.1.
 */
#ifndef EVPP_H__
#define EVPP_H__

#ifdef EV_H
#include EV_H
#else
#include "ev.h"
#endif
#include <stdexcept>

namespace ev {

typedef ev_tstamp tstamp;

enum {
	UNDEF		= EV_UNDEF,
	NONE		= EV_NONE,
	READ		= EV_READ,
	WRITE		= EV_WRITE,
#if EV_COMPAT3
	TIMEOUT		= EV_TIMEOUT,
#endif
	TIMER		= EV_TIMER,
	PERIODIC	= EV_PERIODIC,
	SIGNAL		= EV_SIGNAL,
	CHILD		= EV_CHILD,
	STAT		= EV_STAT,
	IDLE		= EV_IDLE,
	CHECK		= EV_CHECK,
	PREPARE		= EV_PREPARE,
	FORK		= EV_FORK,
	CLEANUP		= EV_CLEANUP,
	ASYNC		= EV_ASYNC,
	EMBED		= EV_EMBED,
	CUSTOM		= EV_CUSTOM,
#undef ERROR
	ERROR		= EV_ERROR
};

enum {
	AUTO		= EVFLAG_AUTO,
	NOENV		= EVFLAG_NOENV,
	FORKCHECK	= EVFLAG_FORKCHECK,
	SELECT		= EVBACKEND_SELECT,
	POLL		= EVBACKEND_POLL,
	EPOLL		= EVBACKEND_EPOLL,
	KQUEUE		= EVBACKEND_KQUEUE,
	DEVPOLL		= EVBACKEND_DEVPOLL,
	PORT		= EVBACKEND_PORT
};

enum {
#if EV_COMPAT3
	NONBLOCK	= EVLOOP_NONBLOCK,
	ONESHOT		= EVLOOP_ONESHOT,
#endif
	NOWAIT		= EVRUN_NOWAIT,
	ONCE		= EVRUN_ONCE
};

enum how_t {
	ONE		= EVBREAK_ONE,
	ALL		= EVBREAK_ALL
};

/* No backend that was asked for works. */
struct bad_loop : std::runtime_error {
	bad_loop()
	: std::runtime_error("the event loop cannot be made: is LIBEV_FLAGS "
			     "set to what there is not?")
	{
	}
};

/* ---- Loops ------------------------------------------------------------- */

/* A loop that belongs to somebody else. */
struct loop_ref {
	loop_ref(struct ev_loop *l) EV_NOEXCEPT : EV_AX(l) { }

	bool operator==(const loop_ref &other) const EV_NOEXCEPT
	{
		return EV_AX == other.EV_AX;
	}

	bool operator!=(const loop_ref &other) const EV_NOEXCEPT
	{
		return EV_AX != other.EV_AX;
	}

	bool operator==(const struct ev_loop *other) const EV_NOEXCEPT
	{
		return EV_AX == other;
	}

	bool operator!=(const struct ev_loop *other) const EV_NOEXCEPT
	{
		return EV_AX != other;
	}

	/* So that comparing with what ev_default_loop() gives is not
	   ambiguous. */
	bool operator==(struct ev_loop *other) const EV_NOEXCEPT
	{
		return EV_AX == other;
	}

	bool operator!=(struct ev_loop *other) const EV_NOEXCEPT
	{
		return EV_AX != other;
	}

	operator struct ev_loop *() const EV_NOEXCEPT { return EV_AX; }
	operator const struct ev_loop *() const EV_NOEXCEPT { return EV_AX; }

	bool is_default() const EV_NOEXCEPT
	{
		return EV_AX == ev_default_loop(0);
	}

	void run(int flags = 0) { ev_run(EV_AX, flags); }
	void break_loop(how_t how = ONE) EV_NOEXCEPT { ev_break(EV_AX, how); }
#if EV_COMPAT3
	void loop(int flags = 0) { ev_run(EV_AX, flags); }
	void unloop(how_t how = ONE) EV_NOEXCEPT { ev_break(EV_AX, how); }
#endif

	void post_fork() EV_NOEXCEPT { ev_loop_fork(EV_AX); }
	unsigned int backend() const EV_NOEXCEPT { return ev_backend(EV_AX); }
	tstamp now() const EV_NOEXCEPT { return ev_now(EV_AX); }
	void ref() EV_NOEXCEPT { ev_ref(EV_AX); }
	void unref() EV_NOEXCEPT { ev_unref(EV_AX); }

	unsigned int iteration() const EV_NOEXCEPT
	{
		return ev_iteration(EV_AX);
	}

	unsigned int depth() const EV_NOEXCEPT { return ev_depth(EV_AX); }

	void set_io_collect_interval(tstamp interval) EV_NOEXCEPT
	{
		ev_set_io_collect_interval(EV_AX, interval);
	}

	void set_timeout_collect_interval(tstamp interval) EV_NOEXCEPT
	{
		ev_set_timeout_collect_interval(EV_AX, interval);
	}

	void feed_fd_event(int fd, int revents) EV_NOEXCEPT
	{
		ev_feed_fd_event(EV_AX, fd, revents);
	}

	void feed_signal_event(int signum) EV_NOEXCEPT
	{
		ev_feed_signal_event(EV_AX, signum);
	}

	/* Once: a function with an argument; a method with the events or
	   without, operator() by default; a function with the events or
	   without. */
	void once(int fd, int events, tstamp timeout,
		  void (*cb)(int, void *), void *arg = 0) EV_NOEXCEPT
	{
		ev_once(EV_AX, fd, events, timeout, cb, arg);
	}

	template<class K, void (K::*method)(int)>
	void once(int fd, int events, tstamp timeout, K *object) EV_NOEXCEPT
	{
		once(fd, events, timeout, call_method<K, method>, object);
	}

	template<class K>
	void once(int fd, int events, tstamp timeout, K *object) EV_NOEXCEPT
	{
		once(fd, events, timeout, call_method<K, &K::operator()>,
		     object);
	}

	template<class K, void (K::*method)()>
	void once(int fd, int events, tstamp timeout, K *object) EV_NOEXCEPT
	{
		once(fd, events, timeout, call_plain_method<K, method>,
		     object);
	}

	template<void (*cb)(int)>
	void once(int fd, int events, tstamp timeout) EV_NOEXCEPT
	{
		once(fd, events, timeout, call_function<cb>);
	}

	template<void (*cb)()>
	void once(int fd, int events, tstamp timeout) EV_NOEXCEPT
	{
		once(fd, events, timeout, call_plain_function<cb>);
	}

	struct ev_loop *EV_AX;

private:
	template<class K, void (K::*method)(int)>
	static void call_method(int revents, void *arg)
	{
		(static_cast<K *>(arg)->*method)(revents);
	}

	template<class K, void (K::*method)()>
	static void call_plain_method(int, void *arg)
	{
		(static_cast<K *>(arg)->*method)();
	}

	template<void (*cb)(int)>
	static void call_function(int revents, void *)
	{
		cb(revents);
	}

	template<void (*cb)()>
	static void call_plain_function(int, void *)
	{
		cb();
	}
};

/* One that is destroyed with its object. */
struct dynamic_loop : loop_ref {
	dynamic_loop(unsigned int flags = AUTO) : loop_ref(ev_loop_new(flags))
	{
		if (!EV_AX)
			throw bad_loop();
	}

	~dynamic_loop() EV_NOEXCEPT
	{
		ev_loop_destroy(EV_AX);
		EV_AX = 0;
	}

private:
	dynamic_loop(const dynamic_loop &);
	dynamic_loop &operator=(const dynamic_loop &);
};

struct default_loop : loop_ref {
	default_loop(unsigned int flags = AUTO)
	: loop_ref(ev_default_loop(flags))
	{
		if (!EV_AX)
			throw bad_loop();
	}

private:
	default_loop(const default_loop &);
	default_loop &operator=(const default_loop &);
};

inline loop_ref get_default_loop() EV_NOEXCEPT
{
	return ev_default_loop(0);
}

/* ---- The process ------------------------------------------------------- */

inline tstamp now() EV_NOEXCEPT { return ev_time(); }
inline void delay(tstamp interval) EV_NOEXCEPT { ev_sleep(interval); }
inline int version_major() EV_NOEXCEPT { return ev_version_major(); }
inline int version_minor() EV_NOEXCEPT { return ev_version_minor(); }

inline unsigned int supported_backends() EV_NOEXCEPT
{
	return ev_supported_backends();
}

inline unsigned int recommended_backends() EV_NOEXCEPT
{
	return ev_recommended_backends();
}

inline unsigned int embeddable_backends() EV_NOEXCEPT
{
	return ev_embeddable_backends();
}

inline void set_allocator(void *(*cb)(void *ptr, long size) EV_NOEXCEPT)
	EV_NOEXCEPT
{
	ev_set_allocator(cb);
}

inline void set_syserr_cb(void (*cb)(const char *msg) EV_NOEXCEPT) EV_NOEXCEPT
{
	ev_set_syserr_cb(cb);
}

/* ---- Watchers ---------------------------------------------------------- */

/* EV_WATCHER is libev's struct, WATCHER the class that is derived from this. */
template<class ev_watcher, class watcher>
struct base : ev_watcher {
	struct ev_loop *EV_AX;

	base(loop_ref loop) EV_NOEXCEPT : ev_watcher(), EV_AX(loop)
	{
		ev_init(static_cast<ev_watcher *>(this), 0);
	}

	/* The loop; while it is stopped. */
	void set(struct ev_loop *loop) EV_NOEXCEPT { EV_AX = loop; }

	void set_(const void *data,
		  void (*cb)(struct ev_loop *, ev_watcher *, int)) EV_NOEXCEPT
	{
		this->data = const_cast<void *>(data);
		ev_set_cb(static_cast<ev_watcher *>(this), cb);
	}

	/* The callback: a function; a method, with the watcher and the events
	   or without them, operator() by default. */
	template<void (*function)(watcher &w, int)>
	void set(void *data = 0) EV_NOEXCEPT
	{
		set_(data, call_function<function>);
	}

	template<class K, void (K::*method)(watcher &w, int)>
	void set(K *object) EV_NOEXCEPT
	{
		set_(object, call_method<K, method>);
	}

	template<class K>
	void set(K *object) EV_NOEXCEPT
	{
		set_(object, call_method<K, &K::operator()>);
	}

	template<class K, void (K::*method)()>
	void set(K *object) EV_NOEXCEPT
	{
		set_(object, call_plain_method<K, method>);
	}

	/* Calls it. */
	void operator()(int events = EV_UNDEF)
	{
		this->cb(EV_AX, static_cast<ev_watcher *>(this), events);
	}

	bool is_active() const EV_NOEXCEPT { return this->active != 0; }
	bool is_pending() const EV_NOEXCEPT { return this->pending != 0; }

	void feed_event(int revents) EV_NOEXCEPT
	{
		ev_feed_event(EV_AX, static_cast<ev_watcher *>(this), revents);
	}

protected:
	/* While there is one, the watcher is stopped. */
	struct freeze_guard {
		watcher &w;
		bool active;

		freeze_guard(watcher *self) EV_NOEXCEPT
		: w(*self), active(w.is_active())
		{
			if (active)
				w.stop();
		}

		~freeze_guard()
		{
			if (active)
				w.start();
		}
	};

private:
	template<void (*function)(watcher &w, int)>
	static void call_function(struct ev_loop *, ev_watcher *w, int revents)
	{
		function(*static_cast<watcher *>(w), revents);
	}

	template<class K, void (K::*method)(watcher &w, int)>
	static void call_method(struct ev_loop *, ev_watcher *w, int revents)
	{
		(static_cast<K *>(w->data)->*method)
			(*static_cast<watcher *>(w), revents);
	}

	template<class K, void (K::*method)()>
	static void call_plain_method(struct ev_loop *, ev_watcher *w, int)
	{
		(static_cast<K *>(w->data)->*method)();
	}
};

/* The class NAME of ev_TYPE, up to what is its own. */
#define EVPP_WATCHER_(name, type)					\
struct name : base<ev_##type, name> {					\
	void start() EV_NOEXCEPT					\
	{								\
		ev_##type##_start(EV_AX, static_cast<ev_##type *>(this)); \
	}								\
									\
	void stop() EV_NOEXCEPT						\
	{								\
		ev_##type##_stop(EV_AX, static_cast<ev_##type *>(this)); \
	}								\
									\
	name(loop_ref loop = get_default_loop()) EV_NOEXCEPT		\
	: base<ev_##type, name>(loop)					\
	{								\
	}								\
									\
	~name() EV_NOEXCEPT						\
	{								\
		stop();							\
	}								\
									\
	using base<ev_##type, name>::set;				\
									\
private:								\
	name(const name &);						\
	name &operator=(const name &);					\
									\
public:

EVPP_WATCHER_(io, io)
	void set(int fd_, int events_) EV_NOEXCEPT
	{
		freeze_guard freeze(this);

		ev_io_set(static_cast<ev_io *>(this), fd_, events_);
	}

	void set(int events_) EV_NOEXCEPT
	{
		freeze_guard freeze(this);

		ev_io_modify(static_cast<ev_io *>(this), events_);
	}

	void start(int fd_, int events_) EV_NOEXCEPT
	{
		set(fd_, events_);
		start();
	}
};

EVPP_WATCHER_(timer, timer)
	void set(tstamp after, tstamp repeat_ = 0.) EV_NOEXCEPT
	{
		freeze_guard freeze(this);

		ev_timer_set(static_cast<ev_timer *>(this), after, repeat_);
	}

	void start(tstamp after, tstamp repeat_ = 0.) EV_NOEXCEPT
	{
		set(after, repeat_);
		start();
	}

	void again() EV_NOEXCEPT
	{
		ev_timer_again(EV_AX, static_cast<ev_timer *>(this));
	}

	tstamp remaining() EV_NOEXCEPT
	{
		return ev_timer_remaining(EV_AX, static_cast<ev_timer *>(this));
	}
};

EVPP_WATCHER_(periodic, periodic)
	void set(tstamp at_, tstamp interval_ = 0.) EV_NOEXCEPT
	{
		freeze_guard freeze(this);

		ev_periodic_set(static_cast<ev_periodic *>(this), at_,
				interval_, 0);
	}

	void start(tstamp at_, tstamp interval_ = 0.) EV_NOEXCEPT
	{
		set(at_, interval_);
		start();
	}

	void again() EV_NOEXCEPT
	{
		ev_periodic_again(EV_AX, static_cast<ev_periodic *>(this));
	}
};

EVPP_WATCHER_(sig, signal)
	void set(int signum_) EV_NOEXCEPT
	{
		freeze_guard freeze(this);

		ev_signal_set(static_cast<ev_signal *>(this), signum_);
	}

	void start(int signum_) EV_NOEXCEPT
	{
		set(signum_);
		start();
	}
};

EVPP_WATCHER_(child, child)
	void set(int pid_, int trace = 0) EV_NOEXCEPT
	{
		freeze_guard freeze(this);

		ev_child_set(static_cast<ev_child *>(this), pid_, trace);
	}

	void start(int pid_, int trace = 0) EV_NOEXCEPT
	{
		set(pid_, trace);
		start();
	}
};

EVPP_WATCHER_(stat, stat)
	void set(const char *path_, tstamp interval_ = 0.) EV_NOEXCEPT
	{
		freeze_guard freeze(this);

		ev_stat_set(static_cast<ev_stat *>(this), path_, interval_);
	}

	void start(const char *path_, tstamp interval_ = 0.) EV_NOEXCEPT
	{
		stop();
		set(path_, interval_);
		start();
	}

	void update() EV_NOEXCEPT
	{
		ev_stat_stat(EV_AX, static_cast<ev_stat *>(this));
	}
};

EVPP_WATCHER_(idle, idle)
	void set() EV_NOEXCEPT { }
};

EVPP_WATCHER_(prepare, prepare)
	void set() EV_NOEXCEPT { }
};

EVPP_WATCHER_(check, check)
	void set() EV_NOEXCEPT { }
};

EVPP_WATCHER_(embed, embed)
	void set_embed(struct ev_loop *embedded) EV_NOEXCEPT
	{
		freeze_guard freeze(this);

		ev_embed_set(static_cast<ev_embed *>(this), embedded);
	}

	void start(struct ev_loop *embedded) EV_NOEXCEPT
	{
		set_embed(embedded);
		start();
	}

	void sweep()
	{
		ev_embed_sweep(EV_AX, static_cast<ev_embed *>(this));
	}
};

EVPP_WATCHER_(fork, fork)
	void set() EV_NOEXCEPT { }
};

EVPP_WATCHER_(cleanup, cleanup)
	void set() EV_NOEXCEPT { }
};

EVPP_WATCHER_(async, async)
	void send() EV_NOEXCEPT
	{
		ev_async_send(EV_AX, static_cast<ev_async *>(this));
	}

	bool async_pending() EV_NOEXCEPT
	{
		return ev_async_pending(static_cast<ev_async *>(this)) != 0;
	}
};

#undef EVPP_WATCHER_

}

#endif
