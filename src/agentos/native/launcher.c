/* From a plain process to pid 1 of a machine, one step a function. */
#include "agentos.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void close_inherited_descriptors(void) {
    if (syscall(SYS_close_range, CONTROL + 1, ~0U, 0)) fail("close inherited descriptors");
    if (fcntl(CONTROL, F_SETFD, FD_CLOEXEC)) fail("keep the control socket to init");
}

/* CLONE_PARENT makes init a child of the host process, which can then wait for it. */
static pid_t clone_into_namespaces(void) {
    struct clone_args args = {
        .flags = CLONE_PARENT | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) fail("clone into new namespaces");
    return pid;
}

/* Where setgroups is denied, the groups of an ordinary user stay; root's must not. */
static void drop_root_groups(void) {
    if (geteuid() == 0 && setgroups(0, NULL) && errno != EPERM) fail("drop the host's groups");
}

static _Noreturn void become_init(const struct plan *plan, int maps_written) {
    char byte;
    if (read(maps_written, &byte, 1) != 1) _exit(1); /* the launcher said why */
    close(maps_written);
    if (setsid() < 0) fail("start a session of its own");
    pin_host_directories(plan);
    become_root_of_the_machine(plan);
    build_root(plan);
    enter_root();
    bring_loopback_up(); /* writes to /proc/sys, so before it is masked */
    mask_proc();
    if (sethostname(plan->hostname, strlen(plan->hostname))) fail("set the host name");
    keep_only_init_capabilities(plan->user);
    /* The end of the socket is enough, unless init is held up in a command that it starts. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) fail("end with the host's process");
    /* Last: a process that is not dumpable does not own its files under /proc. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) fail("hide init from the machine's processes");
    serve();
}

int main(int argc, char **argv) {
    static struct plan plan;
    int maps_written[2];
    close_inherited_descriptors();
    if (argc && !strcmp(argv[0], "agentos-pin")) return pin_mount();
    if (argc && !strcmp(argv[0], "agentos-owner")) return run_as_owner();
    if (argc && !strcmp(argv[0], "agentos-landlock")) return run_confined();
    drop_root_groups();
    umask(022);
    read_plan(&plan);
    if (pipe2(maps_written, O_CLOEXEC)) fail("make a pipe");
    pid_t init = clone_into_namespaces();
    if (init == 0) {
        close(maps_written[1]);
        become_init(&plan, maps_written[0]);
    }
    send_reply((struct reply){.kind = STARTED, .a = init}, NULL, 0, -1);
    write_id_maps(init, &plan);
    if (write(maps_written[1], "", 1) != 1) fail("tell init to go on");
    return 0;
}
