/* A second kernel between the machine's commands and the host's: gVisor's, whose program runsc
 * runs within the machine's namespaces. It serves the commands the same files, over the same
 * network, and an init of ours is its pid 1, which speaks the same packets as the one outside.
 *
 * The host's second packet is runsc's configuration, with three descriptors: the socket of the
 * init inside, the program, and a file for what it has to say. */
#include "agentos.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What runsc works with, out of the commands' sight: they have a /dev of gVisor's own. */
#define BUNDLE "/dev/pts"

enum { COMMANDS, PROGRAM, MESSAGES, DESCRIPTORS };

static char configuration[PACKET_MAX];

static ssize_t receive_configuration(int fds[DESCRIPTORS]) {
    union {
        char space[CMSG_SPACE(sizeof(int) * DESCRIPTORS)];
        struct cmsghdr align;
    } control;
    struct iovec part = {configuration, sizeof configuration};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    ssize_t size = recvmsg(CONTROL, &message, MSG_CMSG_CLOEXEC);
    if (size < 0) fail("receive the sandbox's configuration");
    if (size == 0 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
        received_descriptors(&message, fds) != DESCRIPTORS) {
        errno = EBADMSG;
        fail("receive the sandbox's configuration");
    }
    return size;
}

/* What init mounts later appears inside too, and nothing of the sandbox's outside. */
static void share_later_mounts(void) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL)) fail("share mounts with the sandbox");
    if (mount(NULL, "/proc", NULL, MS_PRIVATE, NULL)) fail("keep what hides parts of /proc");
}

static void take_mounts_only(void) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) fail("keep the sandbox's mounts to itself");
}

static int create(const char *path, mode_t mode) {
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
    if (fd < 0) fail(path);
    return fd;
}

static void write_bundle(size_t size) {
    const unsigned long flags = MS_NOSUID | MS_NODEV;
    if (mount("tmpfs", BUNDLE, "tmpfs", flags, "mode=777,size=16m")) fail("mount the sandbox's files");
    int file = create(BUNDLE "/config.json", 0600);
    if (write(file, configuration, size) != (ssize_t)size) fail("write the sandbox's configuration");
    close(file);
    struct stat status;
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self < 0 || fstat(self, &status)) fail("read our own program");
    file = create(BUNDLE "/init", 0755);
    for (off_t left = status.st_size; left > 0;) {
        ssize_t copied = sendfile(file, self, NULL, (size_t)left);
        if (copied <= 0) fail("copy our own program");
        left -= copied;
    }
    close(file);
    close(self);
}

/* A file that is made as user 0 of the machine, to be given to who made it, is refused where a
 * host directory knows no such user; and gVisor's process needs be no more than the commands. */
static void become_user(uid_t user) {
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) fail("keep the sandbox's capabilities");
    if (getuid() != user && take_ids(user)) fail("become the machine's user");
}

/* What runsc builds its sandbox with, over nothing but this machine: exec leaves it to who is not
 * user 0. Two more than its own list: to become who a file belongs to. */
static const uint64_t for_runsc = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE |
                                  1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_FOWNER |
                                  1ULL << CAP_FSETID | 1ULL << CAP_SYS_CHROOT |
                                  1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SETPCAP |
                                  1ULL << CAP_SETUID | 1ULL << CAP_SETGID;

static void keep_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)for_runsc, (uint32_t)for_runsc, (uint32_t)for_runsc},
        {(uint32_t)(for_runsc >> 32), (uint32_t)(for_runsc >> 32), (uint32_t)(for_runsc >> 32)}};
    if (syscall(SYS_capset, &header, data)) fail("keep the sandbox's capabilities");
    for (int capability = 0; capability < 64; capability++)
        if (for_runsc >> capability & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))
            fail("pass the sandbox's capabilities on");
}

/* runsc serves user 0 alone, which one mapped id is not, and lets go of capabilities in a way
 * that only user 0 gets back from. It is told that it is user 0, and keeps what it has; its
 * sandbox still ends behind a filter of system calls, its own, that leaves it few of them. */
static void pass_for_root(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_geteuid, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_CAP_AMBIENT, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_CAPBSET_DROP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) fail("pass for root");
}

/* From here on the control socket is that of the init inside. */
static _Noreturn void run_runsc(const int fds[DESCRIPTORS]) {
    char *argv[] = {"runsc", "--root=" BUNDLE, "--platform=systrap", "--ignore-cgroups",
                    "--network=host",         /* the machine's own: its gateway sees all */
                    "--overlay2=none",        /* writes go to the machine's files, */
                    "--file-access=shared",   /* which change from outside too */
                    "--file-access-mounts=shared",
                    "run", "--bundle=" BUNDLE, "--pass-fd=3:3", "machine", NULL},
         *env[] = {NULL};
    if (dup2(fds[MESSAGES], 1) < 0 || dup2(fds[MESSAGES], 2) < 0) fail("collect its messages");
    if (dup2(fds[COMMANDS], CONTROL) < 0) fail("pass the socket of the init inside");
    syscall(SYS_execveat, fds[PROGRAM], "", argv, env, AT_EMPTY_PATH);
    dprintf(2, "cannot run runsc: %s\n", strerror(errno));
    _exit(127);
}

static _Noreturn void become_sandbox(const struct plan *plan, const int fds[DESCRIPTORS], size_t size) {
    take_mounts_only();
    become_user(plan->user);
    keep_capabilities();
    write_bundle(size);
    pass_for_root();
    run_runsc(fds);
}

void start_sandbox(const struct plan *plan) {
    int fds[DESCRIPTORS];
    size_t size = (size_t)receive_configuration(fds);
    share_later_mounts();
    struct clone_args args = {.flags = CLONE_NEWNS, .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) fail("clone into the sandbox");
    if (pid == 0) become_sandbox(plan, fds, size);
    for (int i = 0; i < DESCRIPTORS; i++) close(fds[i]);
}

/* ---- within: pid 1 of gVisor's kernel ---- */

/* The machine's user may open init's descriptors by name, in gVisor's /proc. */
static void forget_messages(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        if (null < 0 || dup2(null, fd) < 0) fail("open /dev/null");
    if (dup3(null, STAGE_DIRECTORY, O_CLOEXEC) < 0) fail("open /dev/null");
    close(null);
}

_Noreturn void serve_inside(void) {
    enum { MACHINE_USER = 1000 };
    forget_messages();
    umask(022);
    if (setsid() < 0 && errno != EPERM) fail("start a session of its own");
    block_child_signals();
    forbid_by_limits();
    keep_only_inner_capabilities(MACHINE_USER);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) fail("hide init from the machine's processes");
    serve(true);
}
