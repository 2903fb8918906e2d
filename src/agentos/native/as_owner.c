/* "agentos-owner": runs one of the host's programs as the owner of a machine's files, for
 * copying layers to and from the disk: ids are the machine's, and the capabilities over them
 * reach no other file, but for those of an ordinary caller, whose own id is among them. The order is one packet of words: the directory to work in, the two id
 * maps, then the program's words; beside it come descriptors for stdin, stdout and stderr and, if
 * the program is to read a machine's layer, a detached stage, which it finds at /tmp. */
#include "agentos.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> do not go together in older libcs. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

enum { MAX_ARGS = 64, MAX_GIVEN = 4 };

static struct order {
    const char *directory;
    struct plan ids;
    char *argv[MAX_ARGS + 1];
    int given[MAX_GIVEN], given_count;
} order;

static const char *needed(const char *word) {
    if (word) return word;
    errno = EBADMSG;
    fail("read the order");
}

static void read_order(void) {
    static char packet[PACKET_MAX];
    union {
        char space[CMSG_SPACE(sizeof order.given)];
        struct cmsghdr align;
    } control;
    struct iovec part = {packet, sizeof packet};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    ssize_t size = recvmsg(CONTROL, &message, MSG_CMSG_CLOEXEC);
    if (size <= 0) fail("receive the order");
    order.given_count = received_descriptors(&message, order.given);
    const char *cursor = packet, *end = packet + size;
    order.directory = needed(next_text(&cursor, end));
    order.ids.uid_map = needed(next_text(&cursor, end));
    order.ids.gid_map = needed(next_text(&cursor, end));
    int count = 0;
    for (const char *word; count < MAX_ARGS && (word = next_text(&cursor, end));)
        order.argv[count++] = (char *)word;
    needed(order.argv[0]);
    needed(order.given_count >= 3 ? "" : NULL);
}

/* What the program may do to the files of these ids. As an ordinary user of its namespace it
 * would lose all of it at execve; ambient capabilities stay. */
static void keep_file_capabilities(void) {
    const int kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD};
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data)) fail("read capabilities");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) data[0].inheritable |= 1U << kept[i];
    if (syscall(SYS_capset, &header, data)) fail("make capabilities inheritable");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0)) fail("keep capabilities");
}

/* The directory first: as root, its path is closed to the machine's ids. */
static void prepare(void) {
    if (chdir(order.directory)) fail(order.directory);
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) fail("detach from the host's mounts");
    if (order.given_count > 3 && syscall(SYS_move_mount, order.given[3], "", AT_FDCWD, "/tmp",
                                         MOVE_MOUNT_F_EMPTY_PATH))
        fail("attach the layer");
    const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW;
    if (order.given_count > 3 && mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_BIND | flags, NULL))
        fail("keep the program off links");
    become_root_of_the_machine(&order.ids);
    keep_file_capabilities();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) fail("end with the host's process");
    for (int i = 0; i < 3; i++)
        if (dup2(order.given[i], i) < 0) fail("give it its streams");
}

static _Noreturn void run_within(int maps_written) {
    char byte, *env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    if (read(maps_written, &byte, 1) != 1) _exit(1); /* the parent said why */
    prepare();
    execve(order.argv[0], order.argv, env);
    fail(order.argv[0]);
}

/* Answers with the wait status of the program. */
int run_as_owner(void) {
    int maps_written[2], status;
    read_order();
    if (pipe2(maps_written, O_CLOEXEC)) fail("make a pipe");
    struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWNS, .exit_signal = SIGCHLD};
    pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (child < 0) fail("clone into new namespaces");
    if (child == 0) {
        close(maps_written[1]);
        run_within(maps_written[0]);
    }
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) fail("end with the host's process");
    write_id_maps(child, &order.ids);
    if (write(maps_written[1], "", 1) != 1) fail("tell the child to go on");
    if (waitpid(child, &status, 0) != child) fail("wait for the program");
    send_reply((struct reply){.kind = READY, .a = status}, NULL, 0, -1);
    return 0;
}
