/* What a process of the machine may ask of the kernel: no capability, or as root those over the
 * machine's own files, no new privileges, and no system call that reaches past its namespaces
 * (seccomp.h). */
#include "agentos.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

/* Numbers that older headers do not have; from 424 on they are the same everywhere. */
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_lsm_get_self_attr
#define SYS_lsm_get_self_attr 459
#define SYS_lsm_set_self_attr 460
#define SYS_lsm_list_modules 461
#endif

#ifndef IPPROTO_L2TP
#define IPPROTO_L2TP 115
#endif

/* removexattrat, the last call that seccomp.h was written for: what comes after it does not
 * exist. On x86 that goes for the x32 entry too, the same calls under other numbers. */
enum { LAST_KNOWN_CALL = 466 };

#define NEW_NAMESPACES                                                                            \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |    \
     CLONE_NEWCGROUP)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))
/* Skip the given number of instructions if the loaded value fits, or unless it does. */
#define IF_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0)
#define UNLESS_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define UNLESS_ANY_BIT(bits, skip) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, skip)
#define UNLESS_ABOVE(value, skip) BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, value, 0, skip)

/* The rows of seccomp.h. The number of the call is loaded before and after each. Arguments
 * are compared as the kernel reads those: as 32 bits. */
#define DENY(call, error, why) UNLESS_EQUAL(SYS_##call, 1), REFUSE(error),
#define DENY_VALUE(call, i, value, error, why)                                                    \
    UNLESS_EQUAL(SYS_##call, 4), LOAD(args[i]), UNLESS_EQUAL(value, 1), REFUSE(error), LOAD(nr),
#define DENY_ANY_BIT(call, i, bits, error, why)                                                   \
    UNLESS_EQUAL(SYS_##call, 4), LOAD(args[i]), UNLESS_ANY_BIT(bits, 1), REFUSE(error), LOAD(nr),
#define DENY_UNLESS(call, i, value, error, why)                                                   \
    UNLESS_EQUAL(SYS_##call, 4), LOAD(args[i]), IF_EQUAL(value, 1), REFUSE(error), LOAD(nr),
#define DENY_UNLESS_ONE_OF(call, i, one, two, three, four, error, why)                            \
    UNLESS_EQUAL(SYS_##call, 7), LOAD(args[i]), IF_EQUAL(one, 4), IF_EQUAL(two, 3),               \
        IF_EQUAL(three, 2), IF_EQUAL(four, 1), REFUSE(error), LOAD(nr),
/* If one argument has a value, then another has to have its own. */
#define DENY_UNLESS_BOTH(call, i, value, j, other, error, why)                                    \
    UNLESS_EQUAL(SYS_##call, 6), LOAD(args[i]), UNLESS_EQUAL(value, 3), LOAD(args[j]),            \
        IF_EQUAL(other, 1), REFUSE(error), LOAD(nr),
/* Say yes, and do nothing. */
#define PRETEND(call, i, value, why) DENY_VALUE(call, i, value, 0, why)
#define PRETEND_IF_GIVEN(call, i, value, pointer, why)                                            \
    UNLESS_EQUAL(SYS_##call, 8), LOAD(args[i]), UNLESS_EQUAL(value, 5), LOAD(args[pointer]),      \
        UNLESS_EQUAL(0, 2), LOAD_HIGH(args[pointer]), IF_EQUAL(0, 1), REFUSE(0), LOAD(nr),

static struct sock_filter filter[] = {
    LOAD(arch),
    IF_EQUAL(NATIVE_ARCH, 1),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    UNLESS_ABOVE(LAST_KNOWN_CALL, 1),
    REFUSE(ENOSYS),
#include "seccomp.h"
    RETURN(SECCOMP_RET_ALLOW),
};

/* seccomp_shared.h, for machines without namespaces: beside the other, which each command gets. */
static struct sock_filter shared_filter[] = {
    LOAD(nr),
#include "seccomp_shared.h"
    RETURN(SECCOMP_RET_ALLOW),
};

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
    return (int)syscall(SYS_capset, &header, data);
}

/* What init may never gain again, no command can: they inherit the bounding set. */
void drop_bounding_set(void) {
    for (int capability = 0; capability < 64; capability++) {
        if (!prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)) continue;
        if (errno == EINVAL) return; /* past the last one that this kernel knows */
        fail("drop the bounding set");
    }
}

int drop_capabilities(void) {
    return set_capabilities(0, 0, 0) ? errno : 0;
}

static const uint64_t kept = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_NET_ADMIN |
                             1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_KILL;
static const uint64_t in_reserve = 1ULL << CAP_DAC_OVERRIDE;

/* What a package manager needs, over the machine's own files, ids and processes only: see
 * docs/images.md. Init can grant it where the machine has a user 0. */
static const uint64_t for_root = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER |
                                 1ULL << CAP_FSETID | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID |
                                 1ULL << CAP_KILL;
static uint64_t grantable;

/* The bounding set stays empty, for root too: a program that user 0 executes gets what is
 * inheritable, which is all that init can pass on. Commands of the user have that cleared. */
static void make_grantable(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (getuid() != 0) return;
    if (syscall(SYS_capget, &header, data)) fail("read capabilities");
    grantable = for_root;
    data[0].inheritable = (uint32_t)grantable;
    if (syscall(SYS_capset, &header, data)) fail("keep what root is granted");
}

/* Init acts as the machine's user: what it opens for the host obeys the same permissions.
 * Beyond that it needs to mount, to bind low ports, and to signal any process. */
void keep_only_init_capabilities(uid_t user) {
    make_grantable();
    drop_bounding_set();
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) fail("keep init's capabilities");
    if (getuid() != user && (setresgid(user, user, user) || setresuid(user, user, user)))
        fail("become the machine's user");
    if (set_capabilities(kept, kept | in_reserve | grantable, grantable))
        fail("drop init's capabilities");
}

/* Mount points are wanted where the machine's user may not write. Returns 0 or errno. */
int lift_file_permissions(bool lifted) {
    uint64_t effective = lifted ? kept | in_reserve : kept;
    return set_capabilities(effective, kept | in_reserve | grantable, grantable) ? errno : 0;
}

/* Returns 0 or errno. Runs in a child that shares init's memory until it execs. */
static int lock_down(uint64_t capabilities) {
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)) return errno;
    if (set_capabilities(capabilities, capabilities, capabilities)) return errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return errno;
    return 0;
}

int lock_payload_down(void) {
    return lock_down(0);
}

/* By system call: libc would change the ids of every thread that it knows, which are init's.
 * Init's memory, which we share, stays hidden though its dumpability follows the ids. */
int lock_root_down(void) {
    if (!grantable) return EPERM;
    if (set_capabilities(kept | for_root, kept | for_root, grantable)) return errno;
    if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, 0, 0, 0) ||
        syscall(SYS_setresuid, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return errno;
    return lock_down(grantable);
}

/* Returns 0 or errno. The architecture is the business of the filter that commands get. */
int refuse_what_is_shared(void) {
    struct sock_fprog program = {sizeof shared_filter / sizeof *shared_filter, shared_filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? errno : 0;
}
