/* From a plain process to pid 1 of a machine, one step a function. */
#include "agentos.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The stage's number is taken at once, so that no other descriptor gets it. */
void keep_only_control(void) {
    if (syscall(SYS_close_range, CONTROL + 1, LAST_DESCRIPTOR, 0)) fail("close inherited descriptors");
    if (fcntl(CONTROL, F_SETFD, FD_CLOEXEC)) fail("keep the control socket to init");
    if (fcntl(0, F_DUPFD_CLOEXEC, STAGE_DIRECTORY) < 0) fail("reserve a descriptor for the stage");
}

/* CLONE_PARENT makes init a child of the host process, which can then wait for it. The network's
 * namespace is the dearest: init makes it while its other thread builds the rest. */
static pid_t clone_into_namespaces(void) {
    struct clone_args args = {
        .flags = CLONE_PARENT | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                 CLONE_NEWUTS | CLONE_NEWCGROUP,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) fail("clone into new namespaces");
    return pid;
}

/* Where setgroups is denied, the groups of an ordinary user stay; root's must not. */
static void drop_root_groups(void) {
    if (geteuid() == 0 && setgroups(0, NULL) && errno != EPERM) fail("drop the host's groups");
}

static int maps_written[2];

static void await_id_maps(void) {
    char byte;
    if (read(maps_written[0], &byte, 1) != 1) _exit(1); /* the launcher said why */
}

/* In the keeper's thread. */
static void build_machine(const struct plan *plan) {
    await_id_maps();
    pin_host_directories(plan);
    become_root_of_the_machine(plan);
    build_root(plan);
    enter_root();
    await_network();
    join_network();
    if (syscall(SYS_close_range, STAGE_DIRECTORY + 1, LAST_DESCRIPTOR, 0)) fail("close the host's directories");
    open_low_ports(); /* writes to /proc/sys, so before it is masked */
    if (sethostname(plan->hostname, strlen(plan->hostname))) fail("set the host name");
    if (plan->sandbox) start_sandbox(plan); /* mounts a proc of its own, which a masked one forbids */
    mask_proc();
    become_user_with_capabilities(plan->user);
}

/* The same thread, while the other one begins to serve. */
static void settle(void) {
    keep_only_init_capabilities();
    /* The end of the socket is enough, unless init is held up in a command that it starts. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) fail("end with the host's process");
}

static _Noreturn void become_init(const struct plan *plan) {
    close(maps_written[1]);
    if (setsid() < 0) fail("start a session of its own");
    block_child_signals(); /* in both threads */
    start_keeper(build_machine, settle, plan);
    make_network();
    network_is_made();
    drop_bounding_set();
    forbid_gains();
    await_machine();
    become_root_of_the_machine(plan);
    become_user_without_capabilities(plan->user);
    /* Last: a process that is not dumpable does not own its files under /proc. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) fail("hide init from the machine's processes");
    serve(false);
}

int main(int argc, char **argv) {
    static struct plan plan;
    if (argc >= 4 && !strcmp(argv[1], "guest"))
        run_in_guest(argv[2], strtoul(argv[3], NULL, 10), argv[4]);
    keep_only_control();
    if (argc && !strcmp(argv[0], "agentos-pin")) return pin_mount();
    if (argc && !strcmp(argv[0], "agentos-owner")) return run_as_owner();
    if (argc && !strcmp(argv[0], "agentos-landlock")) return run_confined();
    if (argc && !strcmp(argv[0], "/dev/agentos-inside")) serve_inside();
    drop_root_groups();
    umask(022);
    read_plan(&plan);
    if (pipe2(maps_written, O_CLOEXEC)) fail("make a pipe");
    pid_t init = clone_into_namespaces();
    if (init == 0) become_init(&plan);
    send_reply((struct reply){.kind = STARTED, .a = init}, NULL, 0, -1);
    write_id_maps(init, &plan);
    if (write(maps_written[1], "", 1) != 1) fail("tell init to go on");
    return 0;
}
