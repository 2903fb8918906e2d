/* The machine's root: overlay layers under a writable tmpfs, host directories bound
 * read-only, a fresh /proc and a minimal /dev; then pivot_root into it. */
#include "agentos.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> do not go together in older libcs. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
enum { DETACH = 2 };
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* Any directory serves for staging: the mount namespace is private, and what lies
 * below is reached through pinned descriptors only. */
#define STAGE "/tmp"
#define ROOT STAGE "/root"

static int lower_fd[MAX_LOWERS];
static int bind_fd[MAX_BINDS];
static int kvm_fd = -1;

static const char *below_root(const char *path) {
    static char joined[PATH_MAX];
    if ((size_t)snprintf(joined, sizeof joined, "%s%s", ROOT, path) >= sizeof joined) {
        errno = ENAMETOOLONG;
        fail(path);
    }
    return joined;
}

/* A detached copy of a host directory with all mounts below it, read-only for good. */
static int copy_read_only(const char *path) {
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path,
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (fd < 0) fail(path);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr))
        fail("make a host directory read-only");
    return fd;
}

void pin_host_directories(const struct plan *plan) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) fail("detach from the host's mounts");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) fail("make mounts private");
    for (int i = 0; i < plan->lowers; i++) {
        if (!plan->lower[i].path) continue;
        lower_fd[i] = open(plan->lower[i].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (lower_fd[i] < 0) fail(plan->lower[i].path);
    }
    for (int i = 0; i < plan->binds; i++) bind_fd[i] = copy_read_only(plan->bind[i].from);
    if (!plan->kvm) return;
    kvm_fd = (int)syscall(SYS_open_tree, AT_FDCWD, plan->kvm, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (kvm_fd < 0) fail(plan->kvm);
}

static void make_directory(const char *path, mode_t mode) {
    if (mkdir(path, mode) && errno != EEXIST) fail(path);
}

static void make_directories(const char *path) {
    char part[PATH_MAX];
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part) return;
    for (char *slash = strchr(part + sizeof ROOT, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        make_directory(part, 0755);
        *slash = '/';
    }
    make_directory(part, 0755);
}

static void make_sticky(const char *path) {
    make_directory(path, 01777);
    if (chmod(path, 01777)) fail(path);
}

/* One tmpfs holds all that the machine writes, so one size bounds it. */
static void make_stage(const struct plan *plan) {
    char options[128];
    snprintf(options, sizeof options, "mode=755,size=%s", plan->size);
    if (mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, options)) fail("mount the writable layer");
    make_directory(ROOT, 0755);
    make_directory(STAGE "/work", 0755);
    make_directory(STAGE "/empty", 0555);
    make_directory(STAGE "/layers", 0755);
    make_sticky(STAGE "/shm");
    const char *top[] = {"", "/proc", "/dev", "/run", "/home", "/var", NULL};
    for (int i = 0; top[i]; i++) {
        char path[64];
        snprintf(path, sizeof path, STAGE "/upper%s", top[i]);
        make_directory(path, 0755);
    }
    make_sticky(STAGE "/upper/tmp");
    make_sticky(STAGE "/upper/var/tmp");
    make_directory(STAGE "/upper/home/agentos", 0700);
    if (chown(STAGE "/upper/home/agentos", plan->user, plan->user)) fail("own the home directory");
}

static void attach(int mount, const char *path) {
    make_directory(path, 0755);
    if (syscall(SYS_move_mount, mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH))
        fail("attach another machine's layer");
}

struct layer_path {
    char text[64];
};

static struct layer_path layer_path(const char *top, int layer, const char *below) {
    struct layer_path path;
    snprintf(path.text, sizeof path.text, "%s/layers/%d%s", top, layer, below);
    return path;
}

static void attach_layers(const struct plan *plan) {
    for (int i = 0; i < plan->lowers; i++) {
        if (plan->lower[i].path) continue;
        attach(plan->lower[i].stage, layer_path(STAGE, i, "").text);
        lower_fd[i] = open(layer_path(STAGE, i, "/upper").text, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (lower_fd[i] < 0) fail("open another machine's layer");
    }
}

/* A branch of a machine whose processes go on: it starts with a copy of what they wrote. They
 * may swap a directory for a link while cp is in it, and cp sees the host: no link is followed. */
static void copy_upper(const struct plan *plan) {
    if (plan->copy < 0) return;
    attach(plan->copy, STAGE "/copy");
    const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW;
    if (mount(NULL, STAGE "/copy", NULL, MS_REMOUNT | MS_BIND | flags, NULL)) fail("keep the copy off links");
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {"cp", "-a", "--", STAGE "/copy/upper/.", STAGE "/upper", NULL}, *env[] = {NULL};
        execve("/bin/cp", argv, env);
        _exit(127);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) fail("copy the writable layer");
    if (status) {
        errno = WIFEXITED(status) && WEXITSTATUS(status) == 127 ? ENOENT : EIO;
        fail("copy the writable layer with /bin/cp");
    }
    if (umount2(STAGE "/copy", DETACH)) fail("let go of the copied layer");
}

/* Layers go by descriptor: short, and free of ':' and ',' to escape. Until it is the root, a
 * link in it would lead to the host's files: none is followed. */
static void mount_overlay(const struct plan *plan) {
    char options[MAX_LOWERS * 20 + 128];
    size_t used = (size_t)snprintf(options, sizeof options, "upperdir=" STAGE "/upper,workdir=" STAGE
                                   "/work,userxattr,lowerdir=");
    for (int i = 0; i < plan->lowers; i++)
        used += (size_t)snprintf(options + used, sizeof options - used, "%s/proc/self/fd/%d",
                                 i ? ":" : "", lower_fd[i]);
    if (mount("overlay", ROOT, "overlay", MS_NOSUID | MS_NODEV | MS_NOSYMFOLLOW, options))
        fail("mount the overlay root");
}

static void attach_host_directories(const struct plan *plan) {
    for (int i = 0; i < plan->binds; i++) {
        const char *path = below_root(plan->bind[i].to);
        make_directories(path);
        if (syscall(SYS_move_mount, bind_fd[i], "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH))
            fail(plan->bind[i].to);
    }
    for (int i = 0; i < plan->hides; i++) {
        const char *path = below_root(plan->hide[i]);
        if (mount(STAGE "/empty", path, NULL, MS_BIND, NULL) && errno != ENOENT) fail(plan->hide[i]);
    }
}

static void bind_stage(const char *from, const char *to) {
    if (mount(from, below_root(to), NULL, MS_BIND, NULL)) fail(to);
}

static void mount_proc(void) {
    if (mount("proc", below_root("/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        fail("mount proc");
}

static void make_device(const char *name) {
    char from[32], to[64];
    snprintf(from, sizeof from, "/dev/%s", name);
    snprintf(to, sizeof to, ROOT "/dev/%s", name);
    int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0) fail(to);
    close(fd);
    if (mount(from, to, NULL, MS_BIND, NULL)) fail(from);
}

static void attach_kvm(void) {
    const char *path = below_root("/dev/kvm");
    if (kvm_fd < 0) return;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) fail(path);
    close(fd);
    if (syscall(SYS_move_mount, kvm_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)) fail("attach /dev/kvm");
}

static void link_device(const char *target, const char *path) {
    if (symlink(target, below_root(path))) fail(path);
}

static void mount_dev(void) {
    if (mount("tmpfs", below_root("/dev"), "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k"))
        fail("mount /dev");
    const char *nodes[] = {"null", "zero", "full", "random", "urandom", "tty", NULL};
    for (int i = 0; nodes[i]; i++) make_device(nodes[i]);
    attach_kvm();
    make_directory(below_root("/dev/pts"), 0755);
    if (mount("devpts", below_root("/dev/pts"), "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=620"))
        fail("mount /dev/pts");
    make_directory(below_root("/dev/shm"), 01777);
    bind_stage(STAGE "/shm", "/dev/shm");
    link_device("pts/ptmx", "/dev/ptmx");
    link_device("/proc/self/fd", "/dev/fd");
    link_device("/proc/self/fd/0", "/dev/stdin");
    link_device("/proc/self/fd/1", "/dev/stdout");
    link_device("/proc/self/fd/2", "/dev/stderr");
}

/* The stage and its layers stay mounted below /dev, for later branches: /dev itself covers
 * them, and nobody inside may unmount it. */
static void keep_stage(const struct plan *plan) {
    bind_stage(STAGE, "/dev");
    for (int i = 0; i < plan->lowers; i++) {
        struct layer_path from = layer_path(STAGE, i, ""), to = layer_path(ROOT "/dev", i, "");
        if (!plan->lower[i].path && mount(from.text, to.text, NULL, MS_BIND, NULL)) fail("keep a layer");
    }
    int fd = open(ROOT "/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || dup3(fd, STAGE_DIRECTORY, O_CLOEXEC) < 0) fail("keep the stage");
}

/* Returns a detached mount of our stage, or of a layer's, or -1 with errno. */
int clone_stage(int layer) {
    struct layer_path path = {""};
    if (layer >= 0) path = layer_path(".", layer, "");
    return (int)syscall(SYS_open_tree, STAGE_DIRECTORY, path.text,
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

void build_root(const struct plan *plan) {
    make_stage(plan);
    copy_upper(plan);
    attach_layers(plan);
    mount_overlay(plan);
    attach_host_directories(plan);
    mount_proc();
    keep_stage(plan);
    mount_dev();
    if (mount(NULL, ROOT, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL)) fail("let links be followed");
}

/* pivot_root(".", ".") stacks the old root under the new one, to be detached at once. */
void enter_root(void) {
    if (chdir(ROOT)) fail("enter the root");
    if (syscall(SYS_pivot_root, ".", ".")) fail("pivot_root");
    if (umount2(".", DETACH)) fail("detach the host's root");
    if (chdir("/")) fail("enter the root");
}

/* The parts of /proc that speak of the host, or to it. The list is runc's. */
void mask_proc(void) {
    const char *read_only[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs",
                               NULL};
    for (int i = 0; read_only[i]; i++) {
        if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL)) {
            if (errno == ENOENT) continue; /* not every kernel has each of them */
            fail(read_only[i]);
        }
        if (mount(NULL, read_only[i], NULL,
                  MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
            fail(read_only[i]);
    }
    const char *hidden[] = {"/proc/kcore",      "/proc/keys",        "/proc/kallsyms",
                            "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats",
                            "/proc/kmsg",       "/proc/config.gz",   NULL};
    for (int i = 0; hidden[i]; i++)
        if (mount("/dev/null", hidden[i], NULL, MS_BIND, NULL) && errno != ENOENT) fail(hidden[i]);
}
