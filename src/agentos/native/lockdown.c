/* What a process of the machine may ask of the kernel: no capability, or as root those over the
 * machine's own files, no new privileges, and no system call that reaches past its namespaces
 * (filter.c). */
#include "agentos.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
    return (int)syscall(SYS_capset, &header, data);
}

/* By system call: libc would change the ids of every thread that it knows. */
int take_ids(id_t id) {
    return syscall(SYS_setresgid, id, id, id) || syscall(SYS_setresuid, id, id, id) ? -1 : 0;
}

/* What init may never gain again, no command can: they inherit the bounding set. */
void drop_bounding_set(void) {
    for (int capability = 0; capability < 64; capability++) {
        if (!prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)) continue;
        if (errno == EINVAL) return; /* past the last one that this kernel knows */
        fail("drop the bounding set");
    }
}

void drop_capabilities(void) {
    if (set_capabilities(0, 0, 0)) fail("drop capabilities");
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

/* The keeper acts as the machine's user too; its capabilities stay permitted. */
void become_user_with_capabilities(uid_t user) {
    make_grantable();
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) fail("keep init's capabilities");
    if (getuid() != user && take_ids(user)) fail("become the machine's user");
}

/* Beyond what the user may, init needs to mount, to bind low ports, and to signal any process. */
void keep_only_init_capabilities(void) {
    const uint64_t permitted = kept | in_reserve | grantable, dropping = 1ULL << CAP_SETPCAP;
    if (set_capabilities(dropping, dropping | permitted, grantable)) fail("use init's capabilities");
    drop_bounding_set();
    if (set_capabilities(kept, permitted, grantable)) fail("drop init's capabilities");
}

/* gVisor's kernel shields no init from signals: inside it, init stays another than the machine's
 * user, whom its commands become. */
static uid_t become_first;

void keep_only_inner_capabilities(uid_t user) {
    const uint64_t inner = 1ULL << CAP_KILL | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID |
                           1ULL << CAP_CHOWN; /* of terminals */
    make_grantable();
    drop_bounding_set();
    become_first = user;
    if (set_capabilities(inner, inner | grantable, grantable)) fail("drop init's capabilities");
}

/* Mount points are wanted where the machine's user may not write. Returns 0 or errno. */
int lift_file_permissions(bool lifted) {
    uint64_t effective = lifted ? kept | in_reserve : kept;
    return set_capabilities(effective, kept | in_reserve | grantable, grantable) ? errno : 0;
}

/* A limit of one byte also keeps a core away from a handler that runs on the host: with 0 the
 * kernel would run it. Who may have no core at all cannot set one byte. */
static void forbid_core_dumps(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit)) fail("read the limit of core dumps");
    if (limit.rlim_max == 0) return;
    limit = (struct rlimit){1, 1};
    if (setrlimit(RLIMIT_CORE, &limit)) fail("forbid core dumps");
}

/* gVisor's kernel sets no limit of priorities, not even the one that is there. */
static bool is_none(const struct rlimit *limit) { return limit->rlim_max == 0; }

/* The host's user may be one whose programs run before all others. */
static void forbid_priority(void) {
    struct rlimit nice, real_time, none = {0, 0};
    if (getrlimit(RLIMIT_NICE, &nice) || getrlimit(RLIMIT_RTPRIO, &real_time)) fail("read priorities");
    if (!is_none(&nice) && setrlimit(RLIMIT_NICE, &none)) fail("forbid priority");
    if (!is_none(&real_time) && setrlimit(RLIMIT_RTPRIO, &none)) fail("forbid priority");
}

/* Of init, and so of the commands that it starts. */
void forbid_by_limits(void) {
    forbid_core_dumps();
    forbid_priority();
}

/* For the thread that serves, and so for the commands that it starts: they inherit this. */
void forbid_gains(void) {
    forbid_by_limits();
    if ((errno = refuse_system_calls())) fail("refuse system calls");
}

/* Where the kernel knows of them: gVisor's does not. Returns 0 or errno. */
static int clear_ambient_capabilities(void) {
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL ? errno : 0;
}

/* What it opens for the host obeys the permissions of the machine's user. */
void become_user_without_capabilities(uid_t user) {
    if (getuid() != user && take_ids(user)) fail("become the machine's user");
    if ((errno = clear_ambient_capabilities())) fail("clear ambient capabilities");
    drop_capabilities();
}

/* Of a command, in a child that shares init's memory until it execs. Returns 0 or errno. */
static int lock_down(uint64_t capabilities) {
    int error = clear_ambient_capabilities();
    if (error) return error;
    if (set_capabilities(capabilities, capabilities, capabilities)) return errno;
    return refuse_system_calls();
}

/* Init's memory stays hidden though its dumpability follows the ids. */
static int become(uid_t user) {
    return syscall(SYS_setgroups, 0, NULL) || take_ids(user) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
               ? errno
               : 0;
}

/* A thread that is locked down already starts its like. */
int lock_payload_down(bool from_keeper) {
    int error = become_first ? become(become_first) : 0;
    if (error) return error;
    return become_first || from_keeper ? lock_down(0) : 0;
}

int lock_root_down(void) {
    const uint64_t needed = become_first ? for_root : kept | for_root;
    if (!grantable) return EPERM;
    if (set_capabilities(needed, needed, grantable)) return errno;
    int error = become(0);
    return error ? error : lock_down(grantable);
}

/* gVisor's kernel counts a process for the real user of who starts it. Returns 0 or errno. */
int start_as_user(bool user) {
    if (!become_first) return 0;
    return syscall(SYS_setresuid, user ? become_first : 0, 0, 0) ? errno : 0;
}

/* A terminal is its user's, who may open it by name. Returns 0 or errno. */
int own_terminal(int terminal) {
    return become_first && fchown(terminal, become_first, (gid_t)-1) ? errno : 0;
}
