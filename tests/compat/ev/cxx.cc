// SPDX-License-Identifier: MIT
// cxx.cc - tests of ev++.h: each kind of watcher, each way to set a callback.

#include <cstdio>
#include <cstdlib>
#include <csignal>
#include <string>
#include <unistd.h>
#include <ev++.h>

#define CHECK(expr)							\
	do {								\
		if (!(expr)) {						\
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__,	\
				     __LINE__, #expr);			\
			std::exit(1);					\
		}							\
	} while (0)

static std::string heard;

static std::string take()
{
	std::string text = heard;

	heard.clear();
	return text;
}

void on_timer(ev::timer &w, int revents)
{
	CHECK(revents == ev::TIMER);
	CHECK(!w.is_active());
	heard += static_cast<const char *>(w.data);
}

void on_once(int revents)
{
	CHECK(revents == ev::TIMER);
	heard += "o";
}

void on_once_plain()
{
	heard += "p";
}

void on_once_arg(int, void *arg)
{
	heard += static_cast<const char *>(arg);
}

struct object {
	void method(ev::io &w, int revents)
	{
		CHECK(revents == ev::READ);
		heard += "m";
		w.stop();
	}

	void plain()
	{
		heard += "n";
	}

	void operator()(ev::idle &w, int)
	{
		heard += "i";
		w.stop();
	}

	void once(int)
	{
		heard += "c";
	}
};

struct callable {
	void operator()(int)
	{
		heard += "f";
	}
};

static void callbacks(ev::loop_ref loop)
{
	object o;
	callable f;
	ev::timer t(loop), u(loop);
	ev::io io(loop);
	ev::idle idle(loop);
	ev::prepare prep(loop);
	int p[2];

	CHECK(pipe(p) == 0 && write(p[1], "x", 1) == 1);
	t.set<on_timer>(const_cast<char *>("t"));
	t.start(0.);
	u.set<object, &object::plain>(&o);
	u.start(.001);
	io.set<object, &object::method>(&o);
	io.start(p[0], ev::READ);
	idle.set(&o);
	idle.start();
	loop.run();
	CHECK(take() == "mtin" || heard.empty());
	loop.once<on_once>(-1, 0, 0.);
	loop.run();
	loop.once<on_once_plain>(-1, 0, 0.);
	loop.run();
	loop.once(-1, 0, 0., on_once_arg, const_cast<char *>("a"));
	loop.run();
	loop.once<object, &object::once>(-1, 0, 0., &o);
	loop.run();
	loop.once<object, &object::plain>(-1, 0, 0., &o);
	loop.run();
	loop.once(-1, 0, 0., &f);
	loop.run();
	CHECK(take() == "opacnf");
	close(p[0]);
	close(p[1]);
}

/* It is stopped while it is set, and goes on. */
static void set_while_active(ev::loop_ref loop)
{
	object o;
	ev::timer t(loop);

	t.set<object, &object::plain>(&o);
	t.start(100.);
	t.set(50.);
	CHECK(t.is_active());
	CHECK(t.remaining() > 40. && t.remaining() < 60.);
	t.repeat = 70.;
	t.again();
	CHECK(t.remaining() > 60.);
	CHECK(!t.is_pending());
	t.feed_event(ev::CUSTOM);
	CHECK(t.is_pending());
	loop.run(ev::NOWAIT);
	CHECK(take() == "n");
	t();
	CHECK(take() == "n");
}

static void kinds(ev::loop_ref loop)
{
	object o;
	ev::sig sig(loop);
	ev::child child(loop);
	ev::stat stat(loop);
	ev::periodic periodic(loop);
	ev::check check(loop);
	ev::fork fork(loop);
	ev::cleanup cleanup(loop);
	ev::async async(loop);

	sig.set<object, &object::plain>(&o);
	sig.start(SIGUSR1);
	std::raise(SIGUSR1);
	loop.run(ev::ONCE);
	CHECK(take() == "n");
	child.set<object, &object::plain>(&o);
	child.start(0, 1);
	CHECK(child.flags == 1 && child.is_active());
	stat.set<object, &object::plain>(&o);
	stat.start("/");
	stat.update();
	CHECK(stat.attr.st_nlink > 0);
	periodic.set<object, &object::plain>(&o);
	periodic.start(1.);
	loop.run(ev::NOWAIT);
	CHECK(take() == "n");
	check.set<object, &object::plain>(&o);
	check.start();
	fork.set<object, &object::plain>(&o);
	fork.start();
	loop.post_fork();
	loop.run(ev::NOWAIT);
	CHECK(take() == "nn");
	check.stop();
	cleanup.start();
	async.set<object, &object::plain>(&o);
	async.start();
	async.send();
	CHECK(async.async_pending());
	loop.run(ev::ONCE);
	CHECK(take() == "n");
}

static void loops()
{
	ev::default_loop loop;
	ev::dynamic_loop other(ev::POLL);
	ev::loop_ref again = loop;

	CHECK(loop.is_default() && !other.is_default());
	CHECK(again == loop && again != other);
	CHECK(loop == EV_DEFAULT_UC);
	CHECK(other.backend() == ev::POLL);
	CHECK(other.depth() == 0);
	CHECK(other.now() > 1e9 && ev::now() > 1e9);
	try {
		ev::dynamic_loop none(EVBACKEND_LINUXAIO);

		CHECK(!"made");
	} catch (const ev::bad_loop &) {
	}
}

/* Of libev's own header, this moves the watcher to the inner loop. */
static void embed()
{
	ev::dynamic_loop outer, inner;
	object o;
	ev::io io(inner);
	ev::embed w(outer);
	int p[2];

	if (!(inner.backend() & ev::embeddable_backends()))
		return;
	CHECK(pipe(p) == 0 && write(p[1], "x", 1) == 1);
	io.set<object, &object::method>(&o);
	io.start(p[0], ev::READ);
	w.start(inner);
	outer.run(ev::NOWAIT);
	CHECK(take() == "m");
	w.stop();
	close(p[0]);
	close(p[1]);
}

int main()
{
	ev::default_loop loop;

	loops();
	callbacks(loop);
	set_while_active(loop);
	kinds(loop);
	embed();
	std::puts("1..1\nok 1 - ev++.h");
	return 0;
}
