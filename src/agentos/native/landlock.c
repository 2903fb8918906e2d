/* "agentos-landlock": a machine for hosts that forbid namespaces. Two processes: init serves the
 * host's packets, and a guardian outlives it. Both restrict themselves with Landlock, each in a
 * domain of its own, one within the other, and no process of the machine leaves the inner one:
 *
 *     guardian   may signal what is in the machine, and nothing else
 *       init, and every command   may open what the order names, and signal what is in here
 *
 * So no command can signal the guardian, and when init or the host has ended, one kill(-1) of the
 * guardian's reaches the whole machine, whatever detached itself, and nothing beside it.
 *
 * The order is one packet of pairs of words: "uid" and "gid" to be, "open-files", "own" (the one
 * directory that is the machine's), "home" to start in, and what it may use: "read", "write" and
 * "device", each with a path. */
#include "agentos.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* As in <linux/landlock.h>, which is older than the kernel on many hosts. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
struct ruleset {
    uint64_t files, tcp, scopes;
};
struct path_rule {
    uint64_t access;
    int32_t parent;
} __attribute__((packed));
enum { PATH_BENEATH = 1 };
enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIRECTORY = 1 << 3,
    MAKE_CHARACTER_DEVICE = 1 << 6,
    MAKE_SOCKET = 1 << 9,
    MAKE_BLOCK_DEVICE = 1 << 11,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    CONTROL_DEVICE = 1 << 15,
    EVERY_ACCESS = (1 << 16) - 1,
    OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | CONTROL_DEVICE,
    TO_READ = EXECUTE | READ_FILE | READ_DIRECTORY,
    TO_WRITE = EVERY_ACCESS & ~(MAKE_CHARACTER_DEVICE | MAKE_BLOCK_DEVICE | MAKE_SOCKET),
    TO_USE_A_DEVICE = READ_FILE | WRITE_FILE | TRUNCATE | CONTROL_DEVICE,
};
enum { EVERY_TCP_PORT = 3 /* bind, connect */, ABSTRACT_SOCKETS_AND_SIGNALS = 3 };

enum { MAX_RULES = 512 };

static struct order {
    uid_t uid;
    gid_t gid;
    const char *own, *home;
    int rules;
    struct rule {
        const char *path;
        uint64_t access;
    } rule[MAX_RULES];
} order;

static void add_rule(const char *path, uint64_t access) {
    if (order.rules == MAX_RULES) {
        errno = E2BIG;
        fail("read the order");
    }
    order.rule[order.rules++] = (struct rule){path, access};
}

static bool understand(const char *key, const char *value) {
    if (!strcmp(key, "uid")) order.uid = (uid_t)strtoul(value, NULL, 10);
    else if (!strcmp(key, "gid")) order.gid = (gid_t)strtoul(value, NULL, 10);
    else if (!strcmp(key, "open-files")) limit_open_files(strtoul(value, NULL, 10));
    else if (!strcmp(key, "own")) order.own = value;
    else if (!strcmp(key, "home")) order.home = value;
    else if (!strcmp(key, "read")) add_rule(value, TO_READ);
    else if (!strcmp(key, "write")) add_rule(value, TO_WRITE);
    else if (!strcmp(key, "device")) add_rule(value, TO_USE_A_DEVICE);
    else return false;
    return true;
}

static void read_order(void) {
    static char packet[PACKET_MAX];
    ssize_t size = recv(CONTROL, packet, sizeof packet, 0);
    if (size <= 0) fail("receive the order");
    const char *cursor = packet, *end = packet + size, *key;
    while ((key = next_text(&cursor, end))) {
        const char *value = next_text(&cursor, end);
        if (value && understand(key, value)) continue;
        errno = EBADMSG;
        fail("read the order");
    }
    if (order.own && order.home && order.uid && order.gid) return;
    errno = EBADMSG;
    fail("complete the order");
}

/* Root under Landlock would keep root's capabilities, and root's files: the machine is another. */
static void become_the_machine_s_user(void) {
    if (geteuid() == 0) {
        if (setgroups(0, NULL)) fail("drop the host's groups");
        drop_bounding_set();
        if (setresgid(order.gid, order.gid, order.gid)) fail("take the machine's group");
        if (setresuid(order.uid, order.uid, order.uid)) fail("take the machine's user");
    }
    drop_capabilities();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("gain no privileges");
}

static int make_ruleset(struct ruleset ruleset) {
    int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
    if (fd < 0) fail("make rules of Landlock");
    return fd;
}

static void allow(int ruleset, struct rule rule) {
    struct stat status;
    int fd = open(rule.path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status)) fail(rule.path);
    uint64_t access = S_ISDIR(status.st_mode) ? rule.access : rule.access & OF_A_FILE;
    struct path_rule added = {access, fd};
    if (syscall(SYS_landlock_add_rule, ruleset, PATH_BENEATH, &added, 0)) fail(rule.path);
    close(fd);
}

static void enter_domain(int ruleset) {
    if (syscall(SYS_landlock_restrict_self, ruleset, 0)) fail("enter a domain of Landlock");
    close(ruleset);
}

/* Signals alone; moving files between directories too, which any domain refuses by itself. */
static void confine_guardian(void) {
    int rules = make_ruleset((struct ruleset){REFER, 0, ABSTRACT_SOCKETS_AND_SIGNALS});
    allow(rules, (struct rule){"/", REFER});
    enter_domain(rules);
}

/* The guardian ends a machine by a signal to all that it may signal: if that were more than the
 * machine, the host's process would be among it. */
static void prove_that_signals_stay_inside(void) {
    if (kill(getppid(), 0) == 0 || errno != EPERM) {
        errno = EPROTO;
        fail("keep signals in the machine");
    }
}

static void confine_init(void) {
    int rules = make_ruleset(
        (struct ruleset){EVERY_ACCESS, EVERY_TCP_PORT, ABSTRACT_SOCKETS_AND_SIGNALS});
    for (int i = 0; i < order.rules; i++) allow(rules, order.rule[i]);
    enter_domain(rules);
    if ((errno = refuse_what_is_shared())) fail("refuse what the machine shares with the host");
    forbid_gains();
}

/* Landlock has no say in permissions. A path of ours cannot come to lead to a file of the host's:
 * a link is resolved before we look, and nothing can be moved in from outside. */
bool is_the_machine_s_own(int fd) {
    char link[64], path[4096];
    if (!order.own) return true; /* in a root of its own, all files are */
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path);
    size_t own = strlen(order.own);
    return size > (ssize_t)own && !strncmp(path, order.own, own) && path[own] == '/';
}

/* ---- the two processes ---- */

static void end_with_guardian(int number) {
    (void)number;
    kill(-1, SIGKILL);
    _exit(0);
}

/* Commands may signal init, which is no pid 1: what can be blocked does nothing to it. */
static void hold_signals_off(int but) {
    sigset_t held;
    sigfillset(&held);
    sigdelset(&held, but);
    if (sigprocmask(SIG_SETMASK, &held, NULL)) fail("hold signals off");
}

static _Noreturn void become_init(pid_t guardian) {
    struct sigaction end = {.sa_handler = end_with_guardian};
    send_reply((struct reply){.kind = STARTED, .a = getpid()}, NULL, 0, -1);
    if (setsid() < 0) fail("start a session of its own");
    if (sigaction(SIGRTMAX, &end, NULL)) fail("hear of the guardian's end");
    hold_signals_off(SIGRTMAX);
    if (prctl(PR_SET_PDEATHSIG, SIGRTMAX, 0, 0, 0)) fail("hear of the guardian's end");
    if (getppid() != guardian) _exit(1); /* it ended before we could hear of it */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) fail("adopt orphans");
    if (chdir(order.home)) fail(order.home);
    confine_init();
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) fail("hide init from the machine's processes");
    serve(false);
}

static _Noreturn void guard(pid_t init) {
    int ended = (int)syscall(SYS_pidfd_open, init, 0);
    struct pollfd watched[2] = {{CONTROL, 0, 0}, {ended, POLLIN, 0}};
    if (ended < 0) fail("watch init");
    while (poll(watched, 2, -1) < 0 && errno == EINTR) {
    }
    do {
        kill(-1, SIGKILL); /* orphans come to us, now that init is gone */
    } while (wait(NULL) > 0 || errno == EINTR);
    _exit(0);
}

int run_confined(void) {
    read_order();
    umask(022);
    become_the_machine_s_user();
    confine_guardian();
    prove_that_signals_stay_inside();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) fail("adopt orphans");
    pid_t guardian = getpid(), init = fork();
    if (init < 0) fail("start init");
    if (init == 0) become_init(guardian);
    guard(init);
}
