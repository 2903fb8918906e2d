/* "agentos-pin": makes one mount for a running machine, on the host's side, and hands it over
 * as a detached descriptor. The order is one packet of five words: what to mount ("host" or
 * "mapped" directory or file, "tmpfs", "secret"), its source or options, "ro" or "rw", and the
 * two id maps: the machine's, or for "mapped" from ids of the files to ids of the machine.
 * Answers FAILED, or READY with the mount; before it, of a secret, STARTED with the empty file. */
#include "agentos.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> do not go together in older libcs. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

enum { MACHINE_USER = 1000 };

/* Any directory serves: the mount namespace is private, and ends with the process. */
#define PLACE "/tmp"
#define SECRET PLACE "/secret"

static struct order {
    const char *kind, *source, *access;
    struct plan ids;
} order;

static bool is(const char *kind) { return !strcmp(order.kind, kind); }

static void read_order(void) {
    static char packet[PACKET_MAX];
    ssize_t size = recv(CONTROL, packet, sizeof packet, 0);
    if (size <= 0) fail("receive the order");
    const char *cursor = packet, *end = packet + size;
    const char **words[] = {&order.kind, &order.source, &order.access, &order.ids.uid_map,
                            &order.ids.gid_map};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if ((*words[i] = next_text(&cursor, end))) continue;
        errno = EBADMSG;
        fail("read the order");
    }
}

static pid_t clone_with(uint64_t namespaces) {
    struct clone_args args = {.flags = namespaces, .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) fail("clone into new namespaces");
    return pid;
}

static bool read_only(void) { return !strcmp(order.access, "ro"); }

/* A file system that cannot, somewhere below, stays as it is if nothing is written to it. */
static void map_owners(int fd, int id_map) {
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)id_map};
    if (!syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr)) return;
    if (read_only() && !syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr)) return;
    fail("map the owners of the files");
}

/* Nothing that is mounted on it later, on either side, appears on the other. */
static void hand_over(const char *path, uint64_t attributes, int id_map) {
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path,
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (fd < 0) fail("open the source");
    struct mount_attr attr = {.attr_set = attributes | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                              .propagation = MS_PRIVATE};
    if (read_only()) attr.attr_set |= MOUNT_ATTR_RDONLY;
    if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr))
        fail("set the mount's attributes");
    if (id_map >= 0) map_owners(fd, id_map);
    send_reply((struct reply){.kind = READY}, NULL, 0, fd);
}

/* The host fills the file: it may be of any size and hold any byte. */
static void make_secret(void) {
    setfsgid(MACHINE_USER);
    setfsuid(MACHINE_USER);
    int fd = open(SECRET, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0) fail("make the secret's file");
    send_reply((struct reply){.kind = STARTED}, NULL, 0, fd);
}

/* In namespaces of the machine's ids. A secret's source, like that of a tmpfs, is its options. */
static _Noreturn void pin_within(int maps_written) {
    char byte;
    if (read(maps_written, &byte, 1) != 1) _exit(1); /* the parent said why */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) fail("detach from the host's mounts");
    if (is("host")) {
        hand_over(order.source, 0, -1);
        _exit(0);
    }
    if (mount("tmpfs", PLACE, "tmpfs", MS_NOSUID | MS_NODEV, order.source)) fail("mount a tmpfs");
    if (is("secret")) make_secret();
    hand_over(is("secret") ? SECRET : PLACE, is("secret") ? MOUNT_ATTR_NOEXEC : 0, -1);
    _exit(0);
}

/* The child is there for its user namespace only, which says who owns what. */
static void pin_mapped(pid_t child) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)child);
    int id_map = open(path, O_RDONLY | O_CLOEXEC);
    if (id_map < 0) fail("open the id map");
    hand_over(order.source, 0, id_map);
}

int pin_mount(void) {
    int maps_written[2];
    char byte;
    read_order();
    bool mapped = is("mapped");
    if (pipe2(maps_written, O_CLOEXEC)) fail("make a pipe");
    pid_t child = clone_with(mapped ? CLONE_NEWUSER : CLONE_NEWUSER | CLONE_NEWNS);
    if (child == 0) {
        close(maps_written[1]);
        if (!mapped) pin_within(maps_written[0]);
        _exit(read(maps_written[0], &byte, 1) < 0);
    }
    write_id_maps(child, &order.ids);
    if (mapped) pin_mapped(child);
    else if (write(maps_written[1], "", 1) != 1) fail("tell the child to go on");
    close(maps_written[1]);
    return waitpid(child, NULL, 0) != child;
}
