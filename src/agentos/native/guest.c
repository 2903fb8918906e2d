/* "agentos-init guest ADDRESS OPEN-FILES [ROOT]": the machine's init where only a byte stream leads
 * in, such as in a virtual machine; OPEN-FILES bounds the descriptors of a command, unless it is 0.
 * Init becomes a child of ours, and carry.c stands between it and the stream. */
#include "agentos.h"

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

enum { MACHINE_USER = 1000 };

void power_off(void) {
    if (getpid() == 1) reboot(RB_POWER_OFF);
}

/* Nobody is there to be told, but on a console. */
_Noreturn void give_up(const char *step) {
    fprintf(stderr, "agentos guest: %s: %s\n", step, strerror(errno));
    power_off();
    _exit(1);
}

/* Of a guest that has nothing but us. */
static void mount_system(void) {
    if (!access("/proc/self", F_OK)) return;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) give_up("mount /proc");
    if (mount("dev", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL) && errno != EBUSY) give_up("mount /dev");
    if (mkdir("/dev/pts", 0755) && errno != EEXIST) give_up("make /dev/pts");
}

/* Where the guest booted from something else, the machine's files are mounted at `root`. */
static void enter_machine(const char *root) {
    if (chdir(root)) give_up(root);
    if (mount("/proc", "proc", NULL, MS_BIND | MS_REC, NULL)) give_up("bind /proc");
    if (mount("/dev", "dev", NULL, MS_BIND | MS_REC, NULL)) give_up("bind /dev");
    if (chroot(".") || chdir("/")) give_up("enter the machine");
}

/* Terminals that the machine's user may open, whatever is there. */
static void mount_terminals(void) {
    if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"))
        give_up("mount /dev/pts");
}

/* What a guest's root makes of it, for our commands only. Who is the machine's user from the start
 * takes it as it is. */
static void arrange_mounts(const char *root) {
    if (geteuid() != 0) return;
    if (unshare(CLONE_NEWNS | CLONE_NEWPID)) give_up("have mounts and processes of its own");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) give_up("make mounts private");
    if (root) enter_machine(root);
    mount_terminals();
}

static int dial_host(const char *port) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK,
                                  .svm_cid = VMADDR_CID_HOST,
                                  .svm_port = (unsigned)strtoul(port, NULL, 10)};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) give_up("open a vsock");
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) give_up("reach the host by vsock");
    return fd;
}

static int open_port(const char *path) {
    struct termios raw;
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) give_up(path);
    if (tcgetattr(fd, &raw)) return fd; /* of virtio, which passes bytes as they are */
    cfmakeraw(&raw);
    cfsetspeed(&raw, B115200);
    raw.c_cflag |= CLOCAL;
    if (tcsetattr(fd, TCSANOW, &raw)) give_up("pass bytes on as they are");
    return fd;
}

static int open_line(const char *address) {
    if (!strncmp(address, "vsock:", 6)) return dial_host(address + 6);
    if (!strncmp(address, "fd:", 3)) return (int)strtol(address + 3, NULL, 10);
    return open_port(address);
}

/* As root, init is process 1 of its commands, and they see no others. */
static void show_own_processes(void) {
    if (getpid() != 1) return;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) give_up("mount its own /proc");
}

static void take_user(const struct plan *plan) { become_user_with_capabilities(plan->user); }

/* As any init it is two threads. */
static void part_with_root(void) {
    static const struct plan plan = {.user = MACHINE_USER};
    start_keeper(take_user, keep_only_init_capabilities, &plan);
    drop_bounding_set();
    await_machine();
    become_user_without_capabilities(MACHINE_USER);
}

/* Orphans of its commands come to init, also where it is not process 1. */
static _Noreturn void become_guest_init(int control) {
    if (control != CONTROL && dup2(control, CONTROL) < 0) give_up("give init its socket");
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL); /* but KILL and STOP */
    keep_only_control(); /* the line is the carrier's */
    show_own_processes();
    if (setsid() < 0) fail("start a session of its own");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) fail("adopt orphans");
    block_child_signals();
    if (geteuid() == 0) part_with_root();
    forbid_gains();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) fail("end with the line");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) fail("hide init from the machine's processes");
    serve(false);
}

_Noreturn void run_in_guest(const char *address, unsigned long open_files, const char *root) {
    int pair[2], size = 1 << 20;
    umask(022);
    limit_open_files(open_files);
    signal(SIGPIPE, SIG_IGN);
    mount_system();
    int line = open_line(address);
    arrange_mounts(root);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) give_up("make a socket pair");
    for (int i = 0; i < 2; i++) /* room for one packet of the largest size */
        if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size)) give_up("make room for packets");
    pid_t child = fork();
    if (child < 0) give_up("fork init");
    if (child == 0) become_guest_init(pair[1]);
    close(pair[1]);
    carry_streams(line, pair[0]);
}
