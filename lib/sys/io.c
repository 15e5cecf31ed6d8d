/* SPDX-License-Identifier: MIT */
/*
 * io.c - reading, writing and closing, for a library that cannot be cancelled.
 *
 * close(2), read(2) and write(2) are cancellation points (pthreads(7)).  A
 * thread with a loop may be cancelled in the wait and in its handlers, but not
 * while it changes what others see; so the library does none of them itself.
 */
#include "config.h"
#include "sys/sys.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

int ivi_cancel_off(void)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	return old;
}

void ivi_cancel_restore(int old)
{
	pthread_setcancelstate(old, &old);
}

/* EINTR included, Linux, the BSDs and illumos have closed it by then. */
void ivi_close(int fd)
{
	int err = errno, cancel = ivi_cancel_off();

	close(fd);
	ivi_cancel_restore(cancel);
	errno = err;
}

void ivi_fd_end(int fd)
{
	shutdown(fd, SHUT_WR);
}

ssize_t ivi_read(int fd, void *buf, size_t size)
{
	int cancel = ivi_cancel_off();
	ssize_t n;

	do {
		n = read(fd, buf, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	ivi_cancel_restore(cancel);
	return n;
}

ssize_t ivi_write(int fd, const void *buf, size_t size)
{
	int cancel = ivi_cancel_off();
	ssize_t n;

	do {
		n = write(fd, buf, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	ivi_cancel_restore(cancel);
	return n;
}

/*
 * A signal handler may have interrupted that of the signal that cancels
 * threads.  The C library's write(2) would wait for that one to end: glibc
 * before 2.41, __pthread_disable_asynccancel().
 */
ssize_t ivi_write_in_handler(int fd, const void *buf, size_t size)
{
#ifdef __linux__
	ssize_t n;

	do {
		n = syscall(SYS_write, fd, buf, size);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
#else
	return ivi_write(fd, buf, size);
#endif
}
