/* SPDX-License-Identifier: MIT */
/*
 * program.c - uses every module twice, and says what came of it.
 *
 * Calls that may fail are checked, and "reported" with their errno.  What was
 * accepted must happen; if it does not, this never ends, and the runner calls
 * it lost.  The last line is "done" with the descriptors, threads and blocks of
 * memory that are left.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_fd_pump.h>
#include <iv_inotify.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include <iv_thread.h>
#include <iv_wait.h>
#include <iv_work.h>

static int expected, happened;

static void wrong(const char *what)
{
	printf("wrong: %s\n", what);
	fflush(stdout);
	_exit(4);
}

static void fatal(const char *msg)
{
	printf("fatal: %s\n", msg);
	fflush(stdout);
	_exit(3);
}

static void report(const char *what)
{
	printf("reported: %s %s\n", what, strerrorname_np(errno));
}

/* One thing that was expected. */
static void happen(void)
{
	if (++happened > expected)
		wrong("called too often");
	if (happened == expected)
		iv_quit();
}

static void happen_handler(void *unused)
{
	(void)unused;
	happen();
}

static void expect(int n)
{
	expected = n;
	happened = 0;
	if (n > 0)
		iv_main();
}

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		closedir(dir);
	return n;
}

/* ---- What a loop does ----------------------------------------------------- */

static int pair[2];

static void got_byte(void *cookie)
{
	struct iv_fd *fd = cookie;
	char c;

	if (read(fd->fd, &c, 1) != 1)
		wrong("handler_in without input");
	happen();
}

static void use_fd(void)
{
	struct iv_fd fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	IV_FD_INIT(&fd);
	fd.fd = pair[0];
	fd.cookie = &fd;
	fd.handler_in = got_byte;
	if (iv_fd_register_try(&fd) == 0) {
		if (write(pair[1], "ab", 2) != 2)
			abort();
		expect(2);
		iv_fd_unregister(&fd);
	} else {
		report("iv_fd_register_try");
		if (iv_fd_registered(&fd))
			wrong("registered after a failure");
	}
	close(pair[0]);
	close(pair[1]);
}

static void use_timers(void)
{
	struct iv_timer t[20];
	struct iv_task task;
	int i;

	iv_validate_now();
	for (i = 0; i < 20; i++) {
		IV_TIMER_INIT(&t[i]);
		t[i].expires = iv_now;
		t[i].expires.tv_nsec += 1000 * i;
		if (t[i].expires.tv_nsec >= 1000000000) {
			t[i].expires.tv_sec++;
			t[i].expires.tv_nsec -= 1000000000;
		}
		t[i].handler = happen_handler;
		iv_timer_register(&t[i]);
	}
	IV_TASK_INIT(&task);
	task.handler = happen_handler;
	iv_task_register(&task);
	expect(21);
}

static int turns;

static void turn(void *cookie)
{
	struct iv_task *task = cookie;

	if (++turns < 50)
		iv_task_register(task);
	else
		happen();
}

/* Many turns with one timer far away: a kernel timer is worth while. */
static void use_kernel_timer(void)
{
	struct iv_timer far, near;
	struct iv_task task;

	IV_TIMER_INIT(&far);
	far.expires = iv_now;
	far.expires.tv_sec += 1000;
	far.handler = happen_handler;
	iv_timer_register(&far);
	IV_TASK_INIT(&task);
	task.cookie = &task;
	task.handler = turn;
	turns = 0;
	iv_task_register(&task);
	expect(1);
	iv_timer_unregister(&far);
	IV_TIMER_INIT(&near);
	iv_invalidate_now();
	near.expires = iv_now;
	near.expires.tv_nsec += 1000000;
	near.handler = happen_handler;
	iv_timer_register(&near);
	expect(1);
}

static struct iv_event event;
static struct iv_event_raw raw;

static void *post_event(void *unused)
{
	(void)unused;
	usleep(2000);
	iv_event_post(&event);
	return NULL;
}

static void *post_raw(void *unused)
{
	(void)unused;
	usleep(2000);
	iv_event_raw_post(&raw);
	return NULL;
}

static void from_thread(void *(*fn)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, NULL) != 0)
		abort();
	expect(1);
	pthread_join(t, NULL);
}

static void use_events(void)
{
	IV_EVENT_INIT(&event);
	event.handler = happen_handler;
	if (iv_event_register(&event) == 0) {
		from_thread(post_event);
		iv_event_unregister(&event);
	} else {
		report("iv_event_register");
	}
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = happen_handler;
	if (iv_event_raw_register(&raw) == 0) {
		from_thread(post_raw);
		iv_event_raw_unregister(&raw);
	} else {
		report("iv_event_raw_register");
	}
}

static void use_signal(void)
{
	struct iv_signal sig;

	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.flags = 0;
	sig.handler = happen_handler;
	if (iv_signal_register(&sig) != 0) {
		report("iv_signal_register");
		return;
	}
	raise(SIGUSR1);
	expect(1);
	iv_signal_unregister(&sig);
}

static void child(void *unused)
{
	(void)unused;
	_exit(7);
}

static void child_died(void *unused, int status, const struct rusage *ru)
{
	(void)unused;
	(void)ru;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		wrong("status of a child");
	happen();
}

static void use_wait(void)
{
	struct iv_wait_interest wait;

	IV_WAIT_INTEREST_INIT(&wait);
	wait.handler = child_died;
	if (iv_wait_interest_register_spawn(&wait, child, NULL) != 0) {
		report("iv_wait_interest_register_spawn");
		return;
	}
	expect(1);
	iv_wait_interest_unregister(&wait);
}

static void use_popen(void)
{
	char *argv[] = { (char *)"echo", (char *)"x", NULL };
	struct iv_popen_request req;
	struct iv_fd fd;

	IV_POPEN_REQUEST_INIT(&req);
	req.file = (char *)"echo";
	req.argv = argv;
	req.type = (char *)"r";
	IV_FD_INIT(&fd);
	fd.fd = iv_popen_request_submit(&req);
	if (fd.fd < 0) {
		report("iv_popen_request_submit");
		return;
	}
	fd.cookie = &fd;
	fd.handler_in = got_byte;
	if (iv_fd_register_try(&fd) == 0) {
		expect(1);
		iv_fd_unregister(&fd);
	} else {
		report("iv_fd_register_try");
	}
	close(fd.fd);
	iv_popen_request_close(&req);
}

static void watched(void *unused, struct inotify_event *ev)
{
	(void)unused;
	if (ev->mask & IN_CREATE)
		happen();
}

static void use_inotify(void)
{
	char dir[] = "torture-XXXXXX";
	char file[64];
	struct iv_inotify in;
	struct iv_inotify_watch watch;

	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(file, sizeof(file), "%s/file", dir);
	IV_INOTIFY_INIT(&in);
	if (iv_inotify_register(&in) == 0) {
		IV_INOTIFY_WATCH_INIT(&watch);
		watch.inotify = &in;
		watch.pathname = dir;
		watch.mask = IN_CREATE;
		watch.handler = watched;
		if (iv_inotify_watch_register(&watch) == 0) {
			close(open(file, O_CREAT | O_WRONLY, 0600));
			expect(1);
			iv_inotify_watch_unregister(&watch);
		} else {
			report("iv_inotify_watch_register");
		}
		iv_inotify_unregister(&in);
	} else {
		report("iv_inotify_register");
	}
	unlink(file);
	rmdir(dir);
}

static void no_bands(void *unused, int in, int out)
{
	(void)unused;
	(void)in;
	(void)out;
}

static void fill(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
}

static void use_pump(void)
{
	struct iv_fd_pump pump;
	char buf[64];
	ssize_t n = 0;
	int from[2], to[2];
	int ret;

	fill(from);
	fill(to);
	if (write(from[1], "0123456789abcdef", 16) != 16)
		abort();
	shutdown(from[1], SHUT_WR);
	memset(&pump, 0, sizeof(pump));
	pump.from_fd = from[0];
	pump.to_fd = to[0];
	pump.set_bands = no_bands;
	pump.flags = IV_FD_PUMP_FLAG_RELAY_EOF;
	iv_fd_pump_init(&pump);
	while ((ret = iv_fd_pump_pump(&pump)) > 0)
		;
	if (ret < 0)
		report("iv_fd_pump_pump");
	iv_fd_pump_destroy(&pump);
	close(to[0]);
	while ((ret = (int)read(to[1], buf + n, sizeof(buf) - (size_t)n)) > 0)
		n += ret;
	if (iv_fd_pump_is_done(&pump) && n != 16)
		wrong("pumped data");
	close(to[1]);
	close(from[0]);
	close(from[1]);
}

static void work(void *cookie)
{
	__atomic_add_fetch((int *)cookie, 1, __ATOMIC_RELAXED);
}

static void use_work(void)
{
	struct iv_work_pool pool;
	struct iv_work_item item[4];
	int worked[4] = { 0, 0, 0, 0 };
	int i;

	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 2;
	if (iv_work_pool_create(&pool) != 0) {
		report("iv_work_pool_create");
		return;
	}
	for (i = 0; i < 4; i++) {
		IV_WORK_ITEM_INIT(&item[i]);
		item[i].cookie = &worked[i];
		item[i].work = work;
		item[i].completion = happen_handler;
		iv_work_pool_submit_work(&pool, &item[i]);
	}
	expect(4);
	iv_work_pool_put(&pool);
	for (i = 0; i < 4; i++)
		if (worked[i] != 1)
			wrong("a work function did not run once");
}

static void in_thread(void *unused)
{
	(void)unused;
	iv_event_post(&event);
}

static void use_thread(void)
{
	IV_EVENT_INIT(&event);
	event.handler = happen_handler;
	if (iv_event_register(&event) != 0) {
		report("iv_event_register");
		return;
	}
	if (iv_thread_create("torture", in_thread, NULL) == 0)
		expect(1);
	else
		report("iv_thread_create");
	iv_event_unregister(&event);
}

/* The loop ends by itself once nothing is left: nothing was left over. */
static void use_all(void)
{
	iv_init();
	use_fd();
	use_timers();
	use_kernel_timer();
	use_events();
	use_signal();
	use_wait();
	use_popen();
	use_inotify();
	use_pump();
	use_work();
	use_thread();
	iv_main();
	iv_deinit();
}

int main(void)
{
	int (*blocks)(void);
	int fds = count_entries("/proc/self/fd");
	int tries = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	*(void **)&blocks = dlsym(RTLD_DEFAULT, "torture_blocks");
	iv_set_fatal_msg_handler(fatal);
	use_all();
	use_all();
	while (count_entries("/proc/self/task") > 3 && tries++ < 1000)
		usleep(1000);
	if (waitpid(-1, NULL, WNOHANG) >= 0)
		wrong("a child is left");
	printf("done fds=%d threads=%d blocks=%d\n",
	       count_entries("/proc/self/fd") - fds,
	       count_entries("/proc/self/task") - 3,
	       blocks != NULL ? blocks() : 0);
	return 0;
}
