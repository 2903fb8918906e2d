/* What a process of the machine may ask of the kernel: no capability, no new
 * privileges, and no system call that reaches past its namespaces (seccomp.h). */
#include "agentos.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the seccomp filter knows x86_64 and aarch64"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))
/* Skip the given number of instructions unless the loaded value fits. */
#define UNLESS_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define IF_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0)
#define UNLESS_ANY_BIT(bits, skip) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, skip)
#define DENY(name, error) UNLESS_EQUAL(SYS_##name, 1), REFUSE(error),

#define NEW_NAMESPACES                                                                            \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |    \
     CLONE_NEWCGROUP)

static struct sock_filter filter[] = {
    LOAD(arch),
    IF_EQUAL(NATIVE_ARCH, 1),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
#ifdef __x86_64__
    /* the x32 entry: the same calls under other numbers */
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
    REFUSE(ENOSYS),
#endif
#include "seccomp.h"
    /* clone: no new namespace */
    UNLESS_EQUAL(SYS_clone, 4),
    LOAD(args[0]),
    UNLESS_ANY_BIT(NEW_NAMESPACES, 1),
    REFUSE(EPERM),
    LOAD(nr),
    /* ioctl: no typing into a terminal on somebody's behalf */
    UNLESS_EQUAL(SYS_ioctl, 5),
    LOAD(args[1]),
    IF_EQUAL(TIOCSTI, 1),
    UNLESS_EQUAL(TIOCLINUX, 1),
    REFUSE(EPERM),
    LOAD(nr),
    /* socket: only families bound to the network namespace; AF_VSOCK, which is not, leads to
     * the hypervisor. Of netlink only routing, which tells a program its addresses. */
    UNLESS_EQUAL(SYS_socket, 9),
    LOAD(args[0]),
    IF_EQUAL(AF_UNIX, 6),
    IF_EQUAL(AF_INET, 5),
    IF_EQUAL(AF_INET6, 4),
    UNLESS_EQUAL(AF_NETLINK, 2),
    LOAD(args[2]),
    IF_EQUAL(0, 1),
    REFUSE(EAFNOSUPPORT),
    LOAD(nr),
    RETURN(SECCOMP_RET_ALLOW),
};

static int set_capabilities(uint64_t effective, uint64_t permitted) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)effective, .permitted = (uint32_t)permitted},
        {.effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(permitted >> 32)}};
    return (int)syscall(SYS_capset, &header, data);
}

/* What init may never gain again, no command can: they inherit the bounding set. */
static void drop_bounding_set(void) {
    for (int capability = 0; capability < 64; capability++) {
        if (!prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)) continue;
        if (errno == EINVAL) return; /* past the last one that this kernel knows */
        fail("drop the bounding set");
    }
}

/* Init acts as the machine's user: what it opens for the host obeys the same permissions.
 * Beyond that it needs to mount, to bind low ports, and to signal any process. */
void keep_only_init_capabilities(uid_t user) {
    const uint64_t kept = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_NET_ADMIN |
                          1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_KILL;
    drop_bounding_set();
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) fail("keep init's capabilities");
    if (getuid() != user && (setresgid(user, user, user) || setresuid(user, user, user)))
        fail("become the machine's user");
    if (set_capabilities(kept, kept)) fail("drop init's capabilities");
}

/* Returns 0 or errno. Runs in a child that shares init's memory until it execs. */
int lock_payload_down(void) {
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)) return errno;
    if (set_capabilities(0, 0)) return errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return errno;
    return 0;
}
