/* Terminals in a sandbox: its kernel hands no descriptor out, so a child of init copies what a
 * terminal shows, and what is typed, between it and a socket of the host's. */
#include "agentos.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Init keeps the terminal, to resize it, as long as its relay lives. */
static struct relay {
    pid_t pid, command;
    int master;
    struct relay *next;
} *relays;

struct flow {
    int from, to;
    size_t start, end;
    char bytes[16 * 1024];
};

static bool is_empty(const struct flow *flow) {
    return flow->start == flow->end;
}

static bool must_wait(void) {
    return errno == EAGAIN || errno == EINTR;
}

/* Returns false at the end of either side. */
static bool move(struct flow *flow) {
    if (is_empty(flow)) {
        ssize_t got = read(flow->from, flow->bytes, sizeof flow->bytes);
        if (got <= 0) return got < 0 && must_wait();
        flow->start = 0;
        flow->end = (size_t)got;
    }
    ssize_t put = write(flow->to, flow->bytes + flow->start, flow->end - flow->start);
    if (put < 0) return must_wait();
    flow->start += (size_t)put;
    return true;
}

static struct pollfd waiting_for(const struct flow *flow) {
    if (is_empty(flow)) return (struct pollfd){flow->from, POLLIN, 0};
    return (struct pollfd){flow->to, POLLOUT, 0};
}

static _Noreturn void relay(int master, int host) {
    static struct flow shown, typed;
    shown.from = typed.to = master;
    shown.to = typed.from = host;
    for (;;) {
        struct pollfd ready[2] = {waiting_for(&shown), waiting_for(&typed)};
        if (poll(ready, 2, -1) < 0 && errno != EINTR) _exit(1);
        if (ready[0].revents && !move(&shown)) _exit(0);
        if (ready[1].revents && !move(&typed)) _exit(0);
    }
}

/* Returns 0 or errno. The master is init's from here on. */
int start_relay(pid_t command, int master, int host) {
    struct relay *started = malloc(sizeof *started);
    pid_t pid = started ? fork() : -1;
    if (pid == 0) {
        close(CONTROL);
        if (lock_payload_down(false)) _exit(1);
        relay(master, host);
    }
    if (pid < 0) {
        int error = errno;
        free(started);
        return error;
    }
    *started = (struct relay){pid, command, master, relays};
    relays = started;
    return 0;
}

bool is_relay(pid_t pid) {
    for (const struct relay *relay = relays; relay; relay = relay->next)
        if (relay->pid == pid) return true;
    return false;
}

void forget_relay(pid_t pid) {
    for (struct relay **link = &relays; *link; link = &(*link)->next) {
        struct relay *ended = *link;
        if (ended->pid != pid) continue;
        *link = ended->next;
        close(ended->master);
        free(ended);
        return;
    }
}

static int resize(const struct relay *relay, int rows, int columns) {
    struct winsize window = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    if (ioctl(relay->master, TIOCSWINSZ, &window)) return errno;
    return send_signal(relay->command, SIGWINCH, SCOPE_SESSION); /* gVisor's kernel tells nobody */
}

void resize_terminal(const struct request *request) {
    int error = ESRCH;
    for (const struct relay *relay = relays; relay; relay = relay->next)
        if (relay->command == request->a) error = resize(relay, request->b, request->c);
    send_reply((struct reply){.kind = REPLY, .id = request->id, .error = error}, NULL, 0, -1);
}
