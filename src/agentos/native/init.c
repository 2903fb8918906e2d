/* Pid 1 of the machine: serves the host's packets and reaps, locked down as its commands are. It
 * never execs, and it exits when the control socket closes; the kernel then ends all else in the
 * machine. */
#include "agentos.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 4 };

static char packet[PACKET_MAX];
static size_t packet_size;
static int fds[MAX_FDS], fd_count;
static bool inside; /* of a sandbox, whose kernel does not say that the host hung up */

/* One packet, with `fd` beside it unless that is negative. A host that went away is
 * noticed by the main loop, so a failed send needs no answer here. */
void send_reply(struct reply reply, const void *data, size_t size, int fd) {
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec parts[2] = {{&reply, sizeof reply}, {(void *)data, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = data ? 2 : 1};
    if (fd >= 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    while (sendmsg(CONTROL, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

_Noreturn void fail(const char *step) {
    int error = errno;
    send_reply((struct reply){.kind = FAILED, .error = error}, step, strlen(step), -1);
    _exit(1);
}

static sigset_t child_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return set;
}

void block_child_signals(void) {
    sigset_t children = child_signals();
    if (sigprocmask(SIG_BLOCK, &children, NULL)) fail("block SIGCHLD");
}

static int watch_children(void) {
    sigset_t children = child_signals();
    int fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) fail("watch for children");
    return fd;
}

int received_descriptors(struct msghdr *message, int *fds) {
    int count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
    }
    return count;
}

static void answer(void) {
    const struct request *request = (const struct request *)packet;
    const char *end = packet + packet_size;
    switch (request->op) {
    case OP_EXEC: return start_command(request, packet_size, fds, fd_count);
    case OP_PROCESSES: return list_processes(request);
    case OP_BOUND: return bound_commands(request);
    case OP_FORGET: return forget_files(request);
    case OP_RESIZE: return resize_terminal(request);
    case OP_ATTACH:
    case OP_DETACH:
    case OP_COPY: return mount_operation(request, end, fds, fd_count);
    case OP_WATCH_OPEN:
    case OP_WATCH_ADD:
    case OP_WATCH_REMOVE: return watch_operation(request, end, fds, fd_count);
    default: return file_operation(request, end);
    }
}

static bool takes_capabilities(const struct request *request) {
    switch (request->op) {
    case OP_EXEC: return request->a & (EXEC_ROOT | EXEC_MONITOR);
    case OP_SIGNAL:
    case OP_LISTEN:
    case OP_SOCKET:
    case OP_ATTACH:
    case OP_DETACH:
    case OP_COPY:
    case OP_STAGE: return true;
    default: return false;
    }
}

static void answer_or_refuse(int flags) {
    const struct request *request = (const struct request *)packet;
    if (packet_size < sizeof *request) return;
    if (flags & (MSG_TRUNC | MSG_CTRUNC))
        send_reply((struct reply){.kind = REPLY, .id = request->id, .error = E2BIG}, NULL, 0, -1);
    else if (takes_capabilities(request)) with_capabilities(answer);
    else answer();
}

/* An empty packet looks like the end of the socket, but for the hang-up. */
static void serve_packet(bool hung_up) {
    union {
        char space[CMSG_SPACE(sizeof(int) * MAX_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec part = {packet, sizeof packet};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    ssize_t size = recvmsg(CONTROL, &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) return;
    if (size < 0 || (size == 0 && (hung_up || inside))) _exit(0);
    packet_size = (size_t)size;
    fd_count = received_descriptors(&message, fds);
    answer_or_refuse(message.msg_flags);
    for (int i = 0; i < fd_count; i++) close(fds[i]);
}

_Noreturn void serve(bool in_sandbox) {
    inside = in_sandbox;
    int children = watch_children();
    send_reply((struct reply){.kind = READY}, NULL, 0, -1);
    for (;;) {
        struct pollfd ready[2] = {{CONTROL, POLLIN, 0}, {children, POLLIN, 0}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR) fail("wait for packets");
        if (ready[1].revents) {
            struct signalfd_siginfo seen;
            while (read(children, &seen, sizeof seen) > 0) {
            }
            reap_children();
        }
        if (ready[0].revents) serve_packet(ready[0].revents & POLLHUP);
    }
}
