/* SPDX-License-Identifier: MIT */
/*
 * inotify_rig.c - what the tests of iv_inotify share.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "mod/inotify_rig.h"

void *garbage(size_t size)
{
	void *p = malloc(size);

	CHECK(p != NULL);
	return memset(p, 0xa5, size);
}

/* The compiler must not see that nobody reads this. */
void discard(void *p, size_t size)
{
	memset(p, 0x5a, size);
	__asm__ volatile ("" : : "r" (p) : "memory");
	free(p);
}

struct iv_inotify *new_instance(void)
{
	struct iv_inotify *in = garbage(sizeof(*in));

	IV_INOTIFY_INIT(in);
	CHECK_SYS(iv_inotify_register(in));
	return in;
}

void end_instance(struct iv_inotify *in)
{
	iv_inotify_unregister(in);
	discard(in, sizeof(*in));
}

static const struct {
	uint32_t	bit;
	const char	*name;
} event_names[] = {
	{ IN_ACCESS,		"access" },
	{ IN_ATTRIB,		"attrib" },
	{ IN_CREATE,		"create" },
	{ IN_DELETE,		"delete" },
	{ IN_DELETE_SELF,	"delete-self" },
	{ IN_MODIFY,		"modify" },
	{ IN_IGNORED,		"ignored" },
	{ IN_Q_OVERFLOW,	"overflow" },
};

void record(void *cookie, struct inotify_event *ev)
{
	char line[300];
	size_t i, len;

	len = (size_t)snprintf(line, sizeof(line), "%s:", (char *)cookie);
	for (i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++)
		if (ev->mask & event_names[i].bit)
			len += (size_t)snprintf(line + len,
						sizeof(line) - len, "%s",
						event_names[i].name);
	if (ev->len > 0)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "=%s",
					ev->name);
	snprintf(line + len, sizeof(line) - len, " ");
	trace(line);
}

void count_event(void *cookie, struct inotify_event *ev)
{
	CHECK(!(ev->mask & IN_Q_OVERFLOW));
	tally(cookie);
}

struct iv_inotify_watch *
new_watch(struct iv_inotify *in, const char *path, uint32_t mask,
	  const char *label)
{
	struct iv_inotify_watch *w = garbage(sizeof(*w));

	IV_INOTIFY_WATCH_INIT(w);
	w->inotify = in;
	w->pathname = path;
	w->mask = mask;
	w->cookie = (void *)(uintptr_t)label;
	w->handler = record;
	return w;
}

struct iv_inotify_watch *
watch(struct iv_inotify *in, const char *path, uint32_t mask,
      const char *label)
{
	struct iv_inotify_watch *w = new_watch(in, path, mask, label);

	CHECK_SYS(iv_inotify_watch_register(w));
	return w;
}

void unwatch(struct iv_inotify_watch *w)
{
	iv_inotify_watch_unregister(w);
	discard(w, sizeof(*w));
}

const char *path(const char *name)
{
	return in_tmpdir(name);
}

void create(const char *name)
{
	CHECK_SYS(close((int)CHECK_SYS(open(path(name), O_CREAT | O_WRONLY,
					    0600))));
}

void modify(const char *name)
{
	int fd = (int)CHECK_SYS(open(path(name), O_WRONLY));

	poke(fd);
	CHECK_SYS(close(fd));
}

void delete(const char *name)
{
	CHECK_SYS(unlink(path(name)));
}

void turns(unsigned n)
{
	quit_after_turns(n);
	iv_main();
}

const char *seen(void)
{
	turns(4);
	return traced();
}

int inotify_fd(void)
{
	char link[64], target[64];
	int fd, found = -1;

	for (fd = 0; fd < 1000; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, "anon_inode:inotify") == 0)
			found = fd;
	}
	return found;
}

int kernel_watches(int fd)
{
	char name[64], line[300];
	FILE *f;
	int n = 0;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	f = fopen(name, "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strncmp(line, "inotify wd:", 11) == 0;
	fclose(f);
	return n;
}
