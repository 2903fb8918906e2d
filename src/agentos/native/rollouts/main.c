/* One rollout after another, a line at a time. */
#include "rollouts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Small enough for the processor's cache. */
enum { BUFFER = 256 * 1024 };

static struct {
    char *data;
    size_t begin, end, room;
    off_t read; /* of the rollout */
    int error;
} buffer;

/* Make room behind what is left of a line; false if the line is too long to be kept. */
static bool make_room(void) {
    size_t left = buffer.end - buffer.begin;
    memmove(buffer.data, buffer.data + buffer.begin, left);
    buffer.begin = 0;
    buffer.end = left;
    if (left < buffer.room) return true;
    if (left >= LONGEST_LINE) return false;
    char *grown = realloc(buffer.data, buffer.room * 2);
    if (!grown) fail("hold a line");
    buffer.data = grown;
    buffer.room *= 2;
    return true;
}

static bool read_more(int rollout) {
    for (;;) {
        size_t room = buffer.room - buffer.end;
        ssize_t got = pread(rollout, buffer.data + buffer.end, room, buffer.read);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            buffer.error = errno;
            return false;
        }
        buffer.end += (size_t)got;
        buffer.read += got;
        return got > 0;
    }
}

/* Find the end of a line in what was read, at or behind `from`. */
static char *end_of_line(size_t from) {
    return memchr(buffer.data + from, '\n', buffer.end - from);
}

/* Pass over the rest of a line; false if its end is missing. */
static bool pass_over(int rollout, uint64_t *size) {
    char *newline = NULL;
    do {
        *size += buffer.end - buffer.begin;
        buffer.begin = buffer.end = 0;
        if (!read_more(rollout)) return false;
    } while (!(newline = end_of_line(0)));
    buffer.begin = (size_t)(newline - buffer.data) + 1;
    *size += buffer.begin;
    return true;
}

/* Read on until there is a whole line; false at the end of the rollout. */
static bool next_line(int rollout, struct text *line, uint64_t *size) {
    size_t looked = buffer.begin;
    char *newline;
    while (!(newline = end_of_line(looked))) {
        size_t left = buffer.end - buffer.begin;
        *size = 0;
        *line = (struct text){"-", "-" + 1}; /* too long a line is no JSON object */
        if (!make_room()) return pass_over(rollout, size);
        looked = left;
        if (!read_more(rollout)) return false;
    }
    *line = (struct text){buffer.data + buffer.begin, newline};
    *size = (uint64_t)(newline - line->at) + 1;
    buffer.begin += *size;
    return true;
}

static void read_rollout(int rollout, struct place place) {
    struct text line;
    uint64_t size;
    buffer.begin = buffer.end = 0;
    buffer.read = (off_t)place.offset;
    buffer.error = 0;
    while (next_line(rollout, &line, &size)) {
        struct place end = {place.offset + size, place.line + 1};
        take_line(line, place, end);
        place = end;
    }
    hand_over_calls(place);
    forget_total();
    size_t rest = buffer.error ? 0 : buffer.end - buffer.begin;
    struct frame frame = {.begin = place, .place = place, .kind = END, .size = rest};
    if (buffer.error) {
        frame.kind = FAILED;
        frame.number = (uint32_t)buffer.error;
    }
    put(&frame, sizeof frame);
    put(buffer.data + buffer.begin, rest);
    flush_output();
}

/* The next rollout; -1 when there is none. */
static int next_request(struct place *place) {
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec into = {place, sizeof *place};
    struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got;
    do got = recvmsg(STDIN_FILENO, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    if (got == 0) return -1;
    if (got != sizeof *place) fail("understand a request");
    struct cmsghdr *sent = CMSG_FIRSTHDR(&message);
    if (!sent || sent->cmsg_type != SCM_RIGHTS) fail("take a rollout's descriptor");
    int rollout;
    memcpy(&rollout, CMSG_DATA(sent), sizeof rollout);
    return rollout;
}

static bool host_has_ended(void) {
    struct pollfd socket = {.fd = STDIN_FILENO};
    if (poll(&socket, 1, 0) < 0) fail("look for the host");
    return socket.revents & POLLHUP;
}

int main(void) {
    struct place place;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) fail("end with the host's process");
    if (host_has_ended()) return 0; /* before this */
    buffer.room = BUFFER;
    buffer.data = malloc(BUFFER);
    if (!buffer.data) fail("hold a line");
    for (int rollout; (rollout = next_request(&place)) >= 0;) {
        read_rollout(rollout, place);
        close(rollout);
    }
    return 0;
}
