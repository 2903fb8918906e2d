/* The machine's launcher and init, as seen from each of its parts.
 *
 * The host spawns this program with one end of a SOCK_SEQPACKET pair as
 * descriptor CONTROL. The first packet is the plan of the machine (plan.c);
 * the program builds it (launcher.c, rootfs.c, network.c), becomes its pid 1
 * and serves requests (init.c) until the socket closes, which ends the machine.
 */
#ifndef AGENTOS_H
#define AGENTOS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { CONTROL = 3, STAGE_DIRECTORY = 4, LAST_DESCRIPTOR = 0x7fffffff, PACKET_MAX = 384 * 1024, MAX_LOWERS = 200, MAX_BINDS = 64 };

/* Requests from the host: header, then NUL-terminated strings, then descriptors. */
enum op {
    OP_EXEC = 1,     /* a: EXEC_ flags, b: rows << 16 | columns, c: argc, d: envc; cwd, argv, env;
                      its stdin, stdout and stderr, or of a terminal nothing, or a socket to copy
                      to and from -> a: pid, b: pid of its supervisor or 0; the terminal, if it
                      was made and not copied */
    OP_OPEN = 2,     /* a: flags, b: mode; path -> descriptor; never waits for another end */
    OP_STAT = 3,     /* a: follow a last symlink; path -> struct statx */
    OP_MKDIR = 4,    /* a: mode; path */
    OP_UNLINK = 5,   /* a: AT_REMOVEDIR or 0; path */
    OP_RENAME = 6,   /* from, to */
    OP_SYMLINK = 7,  /* target, path */
    OP_CHMOD = 8,    /* a: mode; path */
    OP_READLINK = 9, /* path -> target */
    OP_REMOVE = 10,  /* path, with everything below it */
    OP_SIGNAL = 11,  /* a: pid, b: signal, c: SCOPE_ */
    OP_LISTEN = 12,  /* a: port, b: LISTEN_; address -> descriptor */
    OP_SOCKET = 13,  /* a: family, b: type, c: protocol -> a socket, neither bound nor connected */
    OP_PROCESSES = 14, /* a: where to go on, 0 to look anew -> a: size of the whole, b: init's own
                        pid; a part of the files of /proc that tell of the processes */
    OP_BOUND = 15,   /* a: how many processes and threads a user may have beside init's, b: and
                      each command open files; 0 to leave it */
    OP_RESIZE = 16,  /* a: pid of a command on a terminal that is copied, b: rows, c: columns */
    OP_FORGET = 17,  /* -> a: how many files were looked at, so that earlier ones are let go of */
    OP_ATTACH = 20,  /* path; a detached mount -> a: its id, b: whether its mount point is new */
    OP_DETACH = 21,  /* a: id of the mount, b: DETACH_ flags; path */
    OP_COPY = 22,    /* a: id of the mount; path -> a detached mount of the same file system */
    OP_WATCH_OPEN = 23,   /* -> an inotify descriptor */
    OP_WATCH_ADD = 24,    /* a: mask, b: O_NOFOLLOW or 0; path of a directory; the descriptor
                             -> a: watch; the directory */
    OP_WATCH_REMOVE = 25, /* a: watch; the descriptor */
    OP_STAGE = 30,   /* a: a layer's number, or -1 for our own stage -> a detached mount of it */
};
enum { EXEC_PTY = 1, EXEC_CONTAIN = 2, EXEC_ROOT = 4, /* as user 0 of the machine */
       EXEC_MONITOR = 8 /* a virtual machine's monitor, in a room of its own */,
       EXEC_NULL = 16 /* of a guest, with two more: stdin, stdout, stderr is /dev/null */,
       EXEC_SOCKET = 128 /* of a guest: stdin is a socket, on which it answers */ };
enum { LISTEN_TCP = 0, LISTEN_UDP = 1, LISTEN_TRANSPARENT = 2 /* TCP, for any address */ };
enum { DETACH_LAZILY = 1, DETACH_UNMAKE = 2 /* remove the mount point too */ };
enum { SCOPE_PROCESS = 0, SCOPE_GROUP = 1, SCOPE_SESSION = 2, SCOPE_FAMILY = 3 };

struct request {
    uint32_t op, id;
    int32_t a, b, c, d;
    char text[];
};

/* Packets to the host. */
enum kind {
    STARTED = 1, /* a: pid of init, as the host sees it */
    READY = 2,
    FAILED = 3, /* error: errno, data: the step that failed; the machine is gone */
    REPLY = 4,  /* answers request `id`; error: 0 or errno */
    EXITED = 5, /* command `id` ended; a: wait status, data: struct usage */
};

struct reply {
    uint32_t kind, id;
    int32_t error, a, b, c;
};

struct usage {
    uint64_t user_us, system_us, max_rss_kb;
};

/* What the machine is made of. Every string points into the plan packet. */
struct plan {
    const char *uid_map, *gid_map, *hostname, *size;
    const char *kvm; /* the host's device, if commands run in a virtual machine */
    uid_t user;
    int lowers, binds, hides;
    struct layer {
        const char *path; /* of a directory on the host, or */
        int stage;        /* another machine's stage, detached */
    } lower[MAX_LOWERS];
    int copy; /* a stage whose writable layer we start with a copy of, or -1 */
    bool sandbox; /* commands run behind a kernel of their own */
    struct bind {
        const char *from, *to;
    } bind[MAX_BINDS];
    const char *hide[MAX_BINDS];
};

/* A path's directory, opened, and the last name within it. */
struct place {
    int parent;
    const char *name;
};

/* launcher.c */
void keep_only_control(void);

/* id_map.c */
void write_id_maps(pid_t pid, const struct plan *plan);
void become_root_of_the_machine(const struct plan *plan);

/* as_owner.c */
int run_as_owner(void);

/* landlock.c */
int run_confined(void);
bool is_the_machine_s_own(int fd);

/* monitor.c */
int enter_monitors_room(void);

/* guest.c */
_Noreturn void run_in_guest(const char *address, unsigned long open_files, const char *root);

_Noreturn void give_up(const char *step);
void power_off(void);

/* carry.c */
_Noreturn void carry_streams(int to_host, int to_init);

/* pin.c */
int pin_mount(void);

/* plan.c */
void read_plan(struct plan *plan);

/* rootfs.c */
int clone_stage(int layer);
void pin_host_directories(const struct plan *plan);
void build_root(const struct plan *plan);
void enter_root(void);
void mask_proc(void);

/* network.c */
void make_network(void);
void join_network(void);
void open_low_ports(void);
int make_socket(int family, int type, int protocol);
int open_listener(const char *address, int port, int kind);

/* lockdown.c */
int take_ids(id_t id);
void forbid_by_limits(void);
void forbid_gains(void);
void become_user_without_capabilities(uid_t user);
void become_user_with_capabilities(uid_t user);
void keep_only_init_capabilities(void);
void keep_only_inner_capabilities(uid_t user);
int lock_payload_down(bool from_keeper);
int lock_root_down(void);
int own_terminal(int terminal);
int start_as_user(bool user);
int lift_file_permissions(bool lifted);
void drop_bounding_set(void);
void drop_capabilities(void);

/* filter.c */
int refuse_system_calls(void);
int refuse_what_is_shared(void);

/* keeper.c */
void start_keeper(void (*build)(const struct plan *plan), void (*settle)(void),
                  const struct plan *plan);
int threads_of_init(void);
void network_is_made(void);
void await_network(void);
void await_machine(void);
void with_capabilities(void (*work)(void));

/* sandbox.c */
void start_sandbox(const struct plan *plan);
_Noreturn void serve_inside(void);

/* init.c */
void block_child_signals(void);
_Noreturn void serve(bool inside);
_Noreturn void fail(const char *step);
void send_reply(struct reply reply, const void *data, size_t size, int fd);
int received_descriptors(struct msghdr *message, int *fds);

/* exec.c */
void limit_open_files(unsigned long number);
void bound_commands(const struct request *request);
void start_command(const struct request *request, size_t size, const int *fds, int fd_count);
bool remember(pid_t pid, uint32_t id, enum kind ending);
void reap_children(void);

/* forget.c */
void forget_files(const struct request *request);

/* processes.c */
void list_processes(const struct request *request);

/* relay.c */
int start_relay(pid_t command, int master, int host);
bool is_relay(pid_t pid);
void forget_relay(pid_t pid);
void resize_terminal(const struct request *request);

/* signals.c */
int send_signal(pid_t pid, int number, int scope);
void kill_children(void);

/* files.c */
void file_operation(const struct request *request, const char *end);
int open_path(const char *path, uint64_t flags, uint64_t mode);
int find_place(const char *path, struct place *place);
int make_directory_at(const char *path, mode_t mode);

/* attach.c */
void mount_operation(const struct request *request, const char *end, const int *fds, int fd_count);

/* watch.c */
void watch_operation(const struct request *request, const char *end, const int *fds, int fd_count);

/* Step through the strings of a packet; NULL when there are no more. */
static inline const char *next_text(const char **cursor, const char *end) {
    const char *text = *cursor;
    if (text >= end) return NULL;
    while (*cursor < end && **cursor) ++*cursor;
    if (*cursor >= end) return NULL; /* not terminated */
    ++*cursor;
    return text;
}

#endif
