/* Fuzz all that reads what came over the control socket: the plan, the requests, and the
 * files of /proc that signals look into. The kernel is played (stubs.h); the input gives the
 * packets and, where it says so, the kernel's answers.
 *
 * fuzz.py builds and runs it; with -DREPLAY it runs the files that it is given.
 *
 * An input is a list of records: kind, count, length (two bytes), then that many bytes.
 *   'p'  the plan of a machine; `count` stages come with it
 *   'm'  the order of a mount
 *   'o'  the order to run a program; `count` descriptors come with it
 *   'r'  a packet with `count` descriptors
 *   'k'  the kernel's answers from here on, one bit each, and what is read from /proc
 * Two invariants beyond memory: no descriptor is left after a packet, and no reply is larger
 * than the host's buffer. */
#define _GNU_SOURCE
#include "agentos.h"

#include <dirent.h>
#include <errno.h>
#include <linux/openat2.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { FAKE_FD = 100, REPLY_MAX = 16 * 1024, MAX_SENT_FDS = 8 };

struct record {
    uint8_t kind, count;
    const uint8_t *data;
    size_t size;
};

static const uint8_t *input, *input_end;
static struct record packet;
static const uint8_t *answers;
static size_t answer_bits, answers_given, answers_size, answers_read;
static long open_descriptors, children;
static bool all_end;
static int entries_left;
static jmp_buf *leave;

static void require(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

/* ---- the input ---- */

static bool next_record(struct record *record) {
    if (input_end - input < 4) return false;
    size_t size = (size_t)(input[2] | input[3] << 8), left = (size_t)(input_end - input - 4);
    *record = (struct record){input[0], input[1], input + 4, size < left ? size : left};
    input += 4 + record->size;
    return true;
}

/* The next packet; answers of the kernel on the way to it are taken in. */
static bool next_packet(void) {
    while (next_record(&packet)) {
        if (packet.kind != 'k') return true;
        answers = packet.data;
        answers_size = packet.size;
        answer_bits = packet.size * 8;
        answers_given = answers_read = 0;
    }
    return false;
}

/* Without a list of answers everything succeeds. */
static bool refused(void) {
    if (answers_given >= answer_bits) return false;
    size_t bit = answers_given++;
    return answers[bit / 8] >> bit % 8 & 1;
}

static int refuse(void) {
    static const int errors[] = {ENOENT, EACCES, EISDIR, ENOTDIR, EMFILE, EINTR, ENAMETOOLONG};
    errno = errors[answers_given % (sizeof errors / sizeof *errors)];
    return -1;
}

/* ---- the kernel, played ---- */

_Noreturn void fake_exit(int code) {
    (void)code;
    longjmp(*leave, 1);
}

int fake_outcome(void) { return refused() ? refuse() : 0; }

static void touch(const char *text) {
    volatile size_t size = strlen(text);
    (void)size;
}

int fake_on_path(const char *path) {
    touch(path);
    return fake_outcome();
}

int fake_on_paths(const char *path, const char *second) {
    touch(second);
    return fake_on_path(path);
}

static int new_descriptor(void) {
    if (refused()) return refuse();
    open_descriptors++;
    return FAKE_FD;
}

int fake_descriptor(const char *path) {
    touch(path);
    return new_descriptor();
}

/* Init keeps a descriptor of the root, for good. */
int fake_open(const char *path) { return strcmp(path, "/") ? fake_descriptor(path) : FAKE_FD + 1; }

int fake_close(int fd) {
    if (fd == FAKE_FD) open_descriptors--;
    return 0;
}

int fake_pipe(int *fds) {
    if (refused()) return refuse();
    open_descriptors += 2;
    fds[0] = fds[1] = FAKE_FD;
    return 0;
}

int fake_ioctl(int fd, unsigned long request, ...) {
    (void)fd;
    return request == TIOCGPTPEER ? new_descriptor() : fake_outcome();
}

int fake_bind(int fd, const struct sockaddr *address, socklen_t size) {
    char copy[sizeof(struct sockaddr_storage)];
    (void)fd;
    require(size <= sizeof copy, "an address is larger than any");
    memcpy(copy, address, size);
    return fake_outcome();
}

long fake_syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long result = fake_outcome();
    if (number == SYS_openat2) {
        va_arg(list, int);
        const char *path = va_arg(list, const char *);
        const struct open_how *how = va_arg(list, const struct open_how *);
        require(how->resolve == (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), "an open that leaves the root");
        result = fake_descriptor(path);
    }
    if (number == SYS_statx) {
        for (int skipped = 0; skipped < 4; skipped++) va_arg(list, long);
        memset(va_arg(list, void *), 0, sizeof(struct statx));
    }
    va_end(list);
    return result;
}

int clone_stage(int layer) {
    (void)layer;
    return new_descriptor();
}

int lift_file_permissions(bool lifted) {
    (void)lifted;
    return refused() ? EPERM : 0;
}

void write_id_maps(pid_t pid, const struct plan *plan) {
    (void)pid;
    touch(plan->uid_map);
    touch(plan->gid_map);
}

void become_root_of_the_machine(const struct plan *plan) { write_id_maps(0, plan); }

bool is_the_machine_s_own(int fd) {
    (void)fd;
    return !refused();
}

void with_capabilities(void (*work)(void)) { work(); }

int threads_of_init(void) { return refused() ? 2 : 0; }

int enter_monitors_room(void) { return refused() ? EPERM : 0; }

int lock_payload_down(bool from_keeper) { return from_keeper && refused() ? EPERM : 0; }
int lock_root_down(void) { return refused() ? EPERM : 0; }
int own_terminal(int terminal) { return terminal < 0 || refused() ? EPERM : 0; }
int start_as_user(bool user) { return user && refused() ? EPERM : 0; }

/* relay.c, processes.c and forget.c read nothing of a packet but its numbers. */
int start_relay(pid_t command, int master, int host) {
    if (command < 1 || host < 0 || refused()) return EAGAIN;
    fake_close(master); /* it is the relay's now */
    return 0;
}
void forget_relay(pid_t pid) { (void)pid; }
void resize_terminal(const struct request *request) { (void)request; }
void list_processes(const struct request *request) { (void)request; }
void forget_files(const struct request *request) { (void)request; }

int fake_execve(const char *file, char *const *argv, char *const *env) {
    touch(file);
    for (; *argv; argv++) touch(*argv);
    for (; *env; env++) touch(*env);
    return refuse();
}

/* The child runs at once, in the same memory, as with CLONE_VM. */
int fake_clone(int (*child)(void *), void *stack, int flags, void *argument) {
    jmp_buf here, *outer = leave;
    (void)stack;
    (void)flags;
    if (refused()) return refuse();
    leave = &here;
    if (!setjmp(here)) child(argument);
    leave = outer;
    children++;
    return FAKE_FD;
}

/* A forked child gets a memory of its own: here it takes over, and the input ends with it. */
pid_t fake_fork(void) {
    if (refused()) return refuse();
    if (refused()) return 0;
    children++;
    return FAKE_FD;
}

pid_t fake_wait(int *status) {
    if (status) *status = 0;
    if (children > 0 && (all_end || refused())) {
        children--;
        return FAKE_FD;
    }
    errno = ECHILD;
    return -1;
}

DIR *fake_fdopendir(void) {
    entries_left = 40;
    return refused() ? NULL : (DIR *)&entries_left;
}

DIR *fake_opendir(void) {
    entries_left = 40;
    return new_descriptor() < 0 ? NULL : (DIR *)&entries_left;
}

int fake_closedir(DIR *directory) {
    (void)directory;
    return fake_close(FAKE_FD);
}

struct dirent *fake_readdir(void) {
    static struct dirent entry;
    if (entries_left-- <= 0) return NULL;
    snprintf(entry.d_name, sizeof entry.d_name, "%d", entries_left);
    return &entry;
}

ssize_t fake_read(int fd, void *data, size_t size) {
    (void)fd;
    size_t left = answers_size - answers_read;
    if (size > left) size = left;
    if (size) memcpy(data, answers + answers_read, size);
    answers_read += size;
    return (ssize_t)size;
}

ssize_t fake_readlinkat(const char *path, char *data, size_t size) {
    touch(path);
    if (refused()) return refuse();
    memset(data, 'x', size);
    return (ssize_t)size;
}

int fake_stat(struct stat *status) {
    memset(status, 0, sizeof *status);
    status->st_mode = refused() ? S_IFREG : S_IFDIR;
    return fake_outcome();
}

/* The main loop waits for packets and children, and whoever starts a command for its pipe. */
int fake_poll(struct pollfd *fds, nfds_t count) {
    if (count == 1) return refused() ? 0 : 1;
    fds[0].revents = (short)(POLLIN | (input_end - input < 4 ? POLLHUP : 0));
    fds[1].revents = refused() ? POLLIN : 0;
    return 1;
}

/* Between two packets init holds nothing of the last one. */
ssize_t fake_recvmsg(struct msghdr *message) {
    if (packet.kind == 'r') require(open_descriptors == 0, "a descriptor is left");
    if (!next_packet()) {
        packet.kind = 0;
        message->msg_controllen = 0;
        return 0;
    }
    struct iovec *part = message->msg_iov;
    size_t size = packet.size < part->iov_len ? packet.size : part->iov_len;
    memcpy(part->iov_base, packet.data, size);
    message->msg_flags = packet.size > size ? MSG_TRUNC : 0;
    size_t room = message->msg_control ? (message->msg_controllen - CMSG_LEN(0)) / sizeof(int) : 0;
    size_t count = packet.count % MAX_SENT_FDS;
    if (count > room) {
        count = room;
        message->msg_flags |= MSG_CTRUNC;
    }
    message->msg_controllen = count ? CMSG_SPACE(count * sizeof(int)) : 0;
    if (count) {
        struct cmsghdr *header = CMSG_FIRSTHDR(message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS,
                                   .cmsg_len = CMSG_LEN(count * sizeof(int))};
        int fds[MAX_SENT_FDS];
        for (size_t i = 0; i < count; i++) fds[i] = FAKE_FD;
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
        open_descriptors += (long)count;
    }
    return (ssize_t)size;
}

ssize_t fake_recv(void *data, size_t size) {
    struct iovec part = {data, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return fake_recvmsg(&message);
}

ssize_t fake_sendmsg(const struct msghdr *message) {
    volatile char sink;
    size_t sum = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const char *data = message->msg_iov[i].iov_base;
        size_t size = message->msg_iov[i].iov_len;
        for (size_t at = 0; at < size; at++) sink = data[at];
        sum += size;
    }
    (void)sink;
    const struct reply *reply = message->msg_iov[0].iov_base;
    require(reply->kind == FAILED || sum <= REPLY_MAX, "a reply larger than the host's buffer");
    return (ssize_t)sum;
}

/* ---- the run ---- */

static void run_input(void) {
    jmp_buf here;
    leave = &here;
    if (setjmp(here)) return;
    const uint8_t *start = input;
    int kind = next_packet() ? packet.kind : 0;
    input = start;
    packet.kind = 0;
    static struct plan plan;
    switch (kind) {
    case 'm': pin_mount(); break;
    case 'o': run_as_owner(); break;
    case 'p': memset(&plan, 0, sizeof plan), read_plan(&plan); break;
    default:
        open_descriptors = -1; /* init's own: the signal descriptor, closed never */
        serve(false);
    }
}

/* So that init's list of them does not grow from input to input. */
static void end_children(void) {
    all_end = true;
    reap_children();
    all_end = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = data;
    input_end = data + size;
    answers = NULL;
    answer_bits = answers_given = answers_size = answers_read = 0;
    packet = (struct record){0};
    open_descriptors = 0;
    run_input();
    end_children();
    return 0;
}

#ifdef REPLAY
static void replay(const char *path) {
    FILE *file = fopen(path, "rb");
    static uint8_t data[1 << 20];
    require(file != NULL, path);
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    uint8_t *exact = malloc(size + 1); /* so that a read past the end is seen */
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int count, char **paths) {
    for (int i = 1; i < count; i++) replay(paths[i]);
    printf("%d inputs\n", count - 1);
}
#endif
