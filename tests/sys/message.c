/* SPDX-License-Identifier: MIT */
/*
 * message.c - tests of sys/message.
 */
#include <fcntl.h>
#include "harness/test.h"
#include "sys/message.h"

static void message_pair(int type, int fds[2])
{
	CHECK_SYS(socketpair(AF_UNIX, type, 0, fds));
	CHECK_SYS(fcntl(fds[0], F_SETFL, O_NONBLOCK));
	CHECK_SYS(fcntl(fds[1], F_SETFL, O_NONBLOCK));
}

TEST_ONCE(only_sockets_have_messages_and_not_all)
{
	int fds[2];

	message_pair(SOCK_DGRAM, fds);
	CHECK(ivi_message_source(fds[0]));
	close_pair(fds);
	message_pair(SOCK_SEQPACKET, fds);
	CHECK(ivi_message_source(fds[0]));
	close_pair(fds);
	message_pair(SOCK_STREAM, fds);
	CHECK(!ivi_message_source(fds[0]));
	close_pair(fds);
	CHECK(!ivi_message_source(fds[0]));
	make_pipe(fds);
	CHECK(!ivi_message_source(fds[0]));
	close_pair(fds);
}

static void check_sizes(int type)
{
	static const size_t sizes[] = { 18000, 1, 0, 2 };
	static char buf[20000];
	size_t i, size;
	int fds[2];

	message_pair(type, fds);
	CHECK_INT(ivi_message_size(fds[0]), ==, -EAGAIN);
	for (i = 0; i < 4; i++)
		CHECK_INT(send(fds[1], buf, sizes[i], 0), ==, sizes[i]);
	for (i = 0; i < 4; i++) {
		size = (size_t)ivi_message_size(fds[0]);
		CHECK_INT(size, >=, sizes[i]);
		CHECK_INT(size, <, sizeof(buf));
		CHECK_INT(recv(fds[0], buf, sizeof(buf), 0), ==, sizes[i]);
	}
	close_pair(fds);
}

TEST_ONCE(the_size_of_the_next_message)
{
	check_sizes(SOCK_DGRAM);
	check_sizes(SOCK_SEQPACKET);
	CHECK_INT(ivi_message_size(-1), ==, -EBADF);
}

TEST_ONCE(the_end_of_a_connection)
{
	int fds[2];
	char c;

	message_pair(SOCK_SEQPACKET, fds);
	CHECK_INT(send(fds[1], "", 0, 0), ==, 0);
	CHECK_INT(send(fds[1], "x", 1, 0), ==, 1);
	CHECK_SYS(close(fds[1]));
	CHECK_INT(ivi_message_size(fds[0]), ==, 0);
	CHECK_INT(recv(fds[0], &c, 1, 0), ==, 0);
	CHECK(!ivi_message_end(fds[0]));
	CHECK_INT(recv(fds[0], &c, 1, 0), ==, 1);
	CHECK_INT(ivi_message_size(fds[0]), ==, 0);
	CHECK_INT(recv(fds[0], &c, 1, 0), ==, 0);
	CHECK(ivi_message_end(fds[0]));
	CHECK_SYS(close(fds[0]));
}

TEST_ONCE(datagrams_have_no_end)
{
	int fds[2];
	char c;

	message_pair(SOCK_DGRAM, fds);
	CHECK_INT(send(fds[1], "", 0, 0), ==, 0);
	CHECK_INT(recv(fds[0], &c, 1, 0), ==, 0);
	CHECK(!ivi_message_end(fds[0]));
	close_pair(fds);
}
