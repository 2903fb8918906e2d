/* What descriptors carry, carried on a byte stream: they cannot travel there themselves. Init is a
 * child of ours, on a socket pair as ever; we make the pipes of its commands and pass their bytes on
 * in frames (agentos/machine/stream/frames.py). Neither side sends more of a stream than the other
 * has room for, so we may write to the host without care: it always reads. */
#include "agentos.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* What goes both ways, a terminal or a socket that is the command's stdin, is one stream. */
enum { WINDOW = 64 * 1024, CHUNK = 16 * 1024, BOTH_WAYS = 3 };

enum frame_kind {
    FRAME_PACKET = 1, /* value: size of the request or reply that follows */
    FRAME_DATA = 2,   /* value: how many bytes of the stream follow */
    FRAME_CREDIT = 3, /* value: how many more bytes there is room for */
    FRAME_END = 4,    /* the stream's sender sends no more */
    FRAME_GONE = 5,   /* the stream's receiver wants no more */
    FRAME_RESIZE = 6, /* value: rows << 16 | columns, of a terminal */
};

struct frame {
    uint32_t kind, id, stream, value;
};

/* One end of a command's pipe or socket, or its terminal. */
struct carried {
    uint32_t id, stream;
    int fd;
    int64_t credit; /* what the host has room for */
    bool ended;     /* the host sends no more */
    size_t start, size;
    char *waiting; /* WINDOW bytes of room for what the host sent, if it sends */
};

static int line, init;
static struct carried *carried;
static size_t count, room;
static char packet[PACKET_MAX];

/* ---- the line to the host ---- */

static void write_all(const void *data, size_t size) {
    for (const char *rest = data; size;) {
        ssize_t written = write(line, rest, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) give_up("write to the host");
        rest += written;
        size -= (size_t)written;
    }
}

/* The host's end of the line is the end of the machine. */
static void read_all(void *data, size_t size) {
    for (char *rest = data; size;) {
        ssize_t got = read(line, rest, size);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) {
            power_off();
            _exit(0);
        }
        if (got < 0) give_up("read from the host");
        rest += got;
        size -= (size_t)got;
    }
}

static void send_frame(enum frame_kind kind, uint32_t id, uint32_t stream, uint32_t value) {
    struct frame frame = {kind, id, stream, value};
    write_all(&frame, sizeof frame);
}

static void send_data(enum frame_kind kind, uint32_t id, uint32_t stream, const void *data, size_t size) {
    send_frame(kind, id, stream, (uint32_t)size);
    write_all(data, size);
}

/* ---- what is carried ---- */

static struct carried *carry(uint32_t id, uint32_t stream, int fd) {
    if (count == room) {
        room = room ? room * 2 : 16;
        if (!(carried = realloc(carried, room * sizeof *carried))) give_up("make room for a stream");
    }
    carried[count] = (struct carried){.id = id, .stream = stream, .fd = fd, .credit = WINDOW};
    bool host_sends = stream == 0 || stream == BOTH_WAYS;
    if (host_sends && !(carried[count].waiting = malloc(WINDOW))) give_up("make room for a stream");
    if (fcntl(fd, F_SETFL, O_NONBLOCK)) give_up("make a pipe non-blocking");
    return &carried[count++];
}

static struct carried *find(uint32_t id, uint32_t stream) {
    for (size_t i = 0; i < count; i++)
        if (carried[i].id == id && carried[i].stream == stream) return &carried[i];
    return NULL;
}

/* The last one takes its place. */
static void drop(struct carried *one) {
    close(one->fd);
    free(one->waiting);
    *one = carried[--count];
}

static void drop_all(uint32_t id) {
    for (size_t i = count; i-- > 0;)
        if (carried[i].id == id) drop(&carried[i]);
}

/* Reads once. Returns whether there may be more; at the end, it is dropped. */
static bool pass_on(struct carried *one, size_t most) {
    static char chunk[CHUNK];
    ssize_t got = read(one->fd, chunk, most < sizeof chunk ? most : sizeof chunk);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return errno == EINTR;
    if (got > 0) {
        send_data(FRAME_DATA, one->id, one->stream, chunk, (size_t)got);
        one->credit -= got;
        return true;
    }
    send_frame(FRAME_END, one->id, one->stream, 0); /* a terminal says EIO */
    drop(one);
    return false;
}

/* What a command wrote goes before the news of its end, whether or not the host has room: it is
 * no more than a pipe holds. */
static void flush(uint32_t id, uint32_t stream) {
    struct carried *one = find(id, stream);
    int left = 0;
    if (!one || ioctl(one->fd, FIONREAD, &left)) return;
    for (int64_t until = one->credit - left; one->credit > until;)
        if (!pass_on(one, (size_t)(one->credit - until))) return;
}

/* Nobody reads it any more. Of a terminal there may be output left to read. */
static void discard(struct carried *one) {
    bool is_done = one->stream != BOTH_WAYS || one->ended;
    one->size = 0;
    if (!is_done) return;
    send_frame(FRAME_GONE, one->id, one->stream, 0);
    drop(one);
}

/* Hands the command what waits for it, and the host as much credit. */
static void deliver(struct carried *one) {
    ssize_t written = write(one->fd, one->waiting + one->start, one->size);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (written < 0) return discard(one);
    one->start += (size_t)written;
    one->size -= (size_t)written;
    send_frame(FRAME_CREDIT, one->id, one->stream, (uint32_t)written);
    if (!one->size && one->ended) drop(one);
}

/* ---- from init to the host ---- */

static void serve_init(void) {
    static char reply[PACKET_MAX];
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {reply, sizeof reply};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    ssize_t size = recvmsg(init, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size < (ssize_t)sizeof(struct reply)) give_up("hear init");
    const struct reply *head = (const struct reply *)reply;
    int terminal = -1;
    if (received_descriptors(&message, &terminal)) carry(head->id, BOTH_WAYS, terminal);
    if (head->kind == REPLY && head->error) drop_all(head->id);
    if (head->kind == EXITED) {
        flush(head->id, 1);
        flush(head->id, 2);
    }
    send_data(FRAME_PACKET, head->id, 0, reply, (size_t)size);
}

/* ---- from the host to init ---- */

/* Init may be busy telling us something: then we listen, before we speak on. */
static void ask_init(size_t size, const int *fds, size_t fd_count) {
    union {
        char space[CMSG_SPACE(sizeof(int) * 3)];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {packet, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS,
                                   .cmsg_len = CMSG_LEN(sizeof(int) * fd_count)};
        memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
    }
    while (sendmsg(init, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno != EAGAIN && errno != EINTR) give_up("ask init");
        struct pollfd ready = {init, POLLIN | POLLOUT, 0};
        if (poll(&ready, 1, -1) > 0 && ready.revents & POLLIN) serve_init();
    }
}

static void refuse(uint32_t id, int error) {
    struct {
        struct reply head;
        char step[4];
    } reply = {{.kind = REPLY, .id = id, .error = error}, "pipe"};
    send_data(FRAME_PACKET, id, 0, &reply, sizeof reply);
}

/* The command's end of one of its streams in `theirs`; ours is carried. Returns 0 or errno. */
static int open_stream(const struct request *request, uint32_t stream, int *theirs) {
    int ends[2];
    if (request->a & EXEC_NULL << stream)
        return (*theirs = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0 ? errno : 0;
    if (stream == 0 && request->a & EXEC_SOCKET) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return errno;
        *theirs = ends[0];
        carry(request->id, BOTH_WAYS, ends[1]);
        return 0;
    }
    if (pipe2(ends, O_CLOEXEC)) return errno;
    *theirs = ends[stream != 0];
    carry(request->id, stream, ends[stream == 0]);
    return 0;
}

static int open_streams(const struct request *request, int *theirs) {
    for (uint32_t stream = 0; stream < 3; stream++) {
        int error = open_stream(request, stream, &theirs[stream]);
        if (!error) continue;
        while (stream-- > 0) close(theirs[stream]);
        drop_all(request->id);
        return error;
    }
    return 0;
}

static void serve_request(size_t size) {
    const struct request *request = (const struct request *)packet;
    bool wants_pipes = size >= sizeof *request && request->op == OP_EXEC && !(request->a & EXEC_PTY);
    int theirs[3], error;
    if (!wants_pipes) return ask_init(size, NULL, 0);
    if ((error = open_streams(request, theirs))) return refuse(request->id, error);
    ask_init(size, theirs, 3);
    for (int i = 0; i < 3; i++) close(theirs[i]);
}

static void receive_data(const struct frame *frame, struct carried *one) {
    static char unwanted[WINDOW];
    if (frame->value > WINDOW || (one && (!one->waiting || frame->value > WINDOW - one->size))) {
        errno = EPROTO;
        give_up("keep what the host sent");
    }
    if (!one) return read_all(unwanted, frame->value); /* it ended meanwhile */
    if (one->start) memmove(one->waiting, one->waiting + one->start, one->size);
    one->start = 0;
    read_all(one->waiting + one->size, frame->value);
    one->size += frame->value;
    deliver(one);
}

static void serve_frame(void) {
    struct frame frame;
    read_all(&frame, sizeof frame);
    struct carried *one = find(frame.id, frame.stream);
    struct winsize window = {.ws_row = (unsigned short)(frame.value >> 16),
                             .ws_col = (unsigned short)(frame.value & 0xffff)};
    switch (frame.kind) {
    case FRAME_PACKET:
        if (frame.value > sizeof packet) errno = EPROTO, give_up("keep a request");
        read_all(packet, frame.value);
        return serve_request(frame.value);
    case FRAME_DATA: return receive_data(&frame, one);
    case FRAME_CREDIT:
        if (one) one->credit += frame.value;
        return;
    case FRAME_END:
        if (one && one->size) one->ended = true;
        else if (one) drop(one);
        return;
    case FRAME_GONE:
        if (one) drop(one);
        return;
    case FRAME_RESIZE:
        if (one) ioctl(one->fd, TIOCSWINSZ, &window); /* a size that it has not is no harm */
        return;
    default: errno = EPROTO; give_up("understand the host");
    }
}

/* ---- the loop ---- */

static struct pollfd interest(const struct carried *one) {
    struct pollfd wanted = {one->fd, 0, 0};
    if (one->size) wanted.events |= POLLOUT;
    if (one->stream && one->credit > 0) wanted.events |= POLLIN;
    /* A pipe whose reader has gone says so unasked; one that we cannot empty yet would go on. */
    if (!wanted.events && one->stream) wanted.fd = -1;
    return wanted;
}

/* What a command wrote goes before what it answers on its socket; a terminal has nothing else. */
static void answer(uint32_t id) {
    flush(id, 1);
    flush(id, 2);
    struct carried *one = find(id, BOTH_WAYS);
    if (one && one->credit > 0) pass_on(one, (size_t)one->credit);
}

/* From the last to the first: what is dropped is replaced by one that was served. */
static void serve_streams(const struct pollfd *ready, size_t known) {
    for (size_t i = known; i-- > 0;) {
        struct carried *one = &carried[i];
        if (i >= count || ready[i].fd != one->fd || !ready[i].revents) continue;
        if (one->stream == 0 && ready[i].revents & POLLERR && !one->size) {
            send_frame(FRAME_GONE, one->id, one->stream, 0);
            drop(one);
        } else if (one->size && ready[i].revents & (POLLOUT | POLLERR | POLLHUP)) deliver(one);
        else if (one->stream == BOTH_WAYS) answer(one->id);
        else if (one->stream && one->credit > 0) pass_on(one, (size_t)one->credit);
    }
}

_Noreturn void carry_streams(int to_host, int to_init) {
    line = to_host;
    init = to_init;
    static struct pollfd *ready;
    static size_t ready_room;
    for (;;) {
        if (ready_room < count + 2) {
            ready_room = room + 2;
            if (!(ready = realloc(ready, ready_room * sizeof *ready))) give_up("make room to wait");
        }
        size_t known = count;
        for (size_t i = 0; i < known; i++) ready[i] = interest(&carried[i]);
        ready[known] = (struct pollfd){init, POLLIN, 0};
        ready[known + 1] = (struct pollfd){line, POLLIN, 0};
        if (poll(ready, known + 2, -1) < 0) {
            if (errno == EINTR) continue;
            give_up("wait for the host");
        }
        serve_streams(ready, known);
        if (ready[known].revents) serve_init();
        if (ready[known + 1].revents) serve_frame();
    }
}
