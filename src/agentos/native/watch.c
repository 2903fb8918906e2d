/* Watching files: init adds the watches, as the machine's user and within its root; the host
 * reads the events. The inotify descriptor comes with each request, so init keeps none. */
#include "agentos.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

static void reply(const struct request *request, int error, int watch, int fd) {
    send_reply((struct reply){.kind = REPLY, .id = request->id, .error = error, .a = watch}, NULL, 0, fd);
}

static void open_inotify(const struct request *request) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    reply(request, fd < 0 ? errno : 0, 0, fd);
    if (fd >= 0) close(fd);
}

/* The directory goes to the host, which looks into the very one that is watched. */
static void add_watch(const struct request *request, const char *path, int inotify) {
    char link[64];
    int fd = open_path(path, O_RDONLY | O_DIRECTORY | (request->b & O_NOFOLLOW), 0);
    if (fd < 0) return reply(request, errno, 0, -1);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int watch = inotify_add_watch(inotify, link, (uint32_t)request->a);
    reply(request, watch < 0 ? errno : 0, watch, watch < 0 ? -1 : fd);
    close(fd);
}

void watch_operation(const struct request *request, const char *end, const int *fds, int fd_count) {
    const char *cursor = request->text, *path = next_text(&cursor, end);
    if (request->op == OP_WATCH_OPEN) return open_inotify(request);
    if (fd_count != 1) return reply(request, EBADMSG, 0, -1);
    if (request->op == OP_WATCH_REMOVE)
        return reply(request, inotify_rm_watch(fds[0], request->a) ? errno : 0, 0, -1);
    if (!path) return reply(request, EBADMSG, 0, -1);
    add_watch(request, path, fds[0]);
}
