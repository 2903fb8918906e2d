/* The filters of system calls that commands run under, as programs of the kernel's packet filter:
 * the table of seccomp.h, and for machines without namespaces that of seccomp_shared.h beside it. */
#include "agentos.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

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

/* The rows of a table. The number of the call is loaded before and after each. Arguments are
 * compared as the kernel reads those: as 32 bits. */
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

/* The architecture is the business of the other filter. */
static struct sock_filter shared_filter[] = {
    LOAD(nr),
#include "seccomp_shared.h"
    RETURN(SECCOMP_RET_ALLOW),
};

static const struct sock_filter entry[] = {
    LOAD(arch),
    IF_EQUAL(NATIVE_ARCH, 1),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    UNLESS_ABOVE(LAST_KNOWN_CALL, 1),
    REFUSE(ENOSYS),
};

/* Only the rows that look at arguments: of the others the tree knows. */
#undef DENY
#define DENY(call, error, why)
static const struct sock_filter rows[] = {
#include "seccomp.h"
    RETURN(SECCOMP_RET_ALLOW),
};

/* The same table once more, as what becomes of each call whatever its arguments: it is refused
 * with an errno, or one of these. */
enum { ALLOWED = 0, BY_ROWS = 0xffff };
struct verdict {
    unsigned short call, verdict;
};

#undef DENY
#undef DENY_VALUE
#undef DENY_ANY_BIT
#undef DENY_UNLESS
#undef DENY_UNLESS_ONE_OF
#undef DENY_UNLESS_BOTH
#undef PRETEND
#undef PRETEND_IF_GIVEN
#define DENY(call, error, why) {SYS_##call, error},
#define BY_ARGUMENTS(call, ...) {SYS_##call, BY_ROWS},
#define DENY_VALUE BY_ARGUMENTS
#define DENY_ANY_BIT BY_ARGUMENTS
#define DENY_UNLESS BY_ARGUMENTS
#define DENY_UNLESS_ONE_OF BY_ARGUMENTS
#define DENY_UNLESS_BOTH BY_ARGUMENTS
#define PRETEND BY_ARGUMENTS
#define PRETEND_IF_GIVEN BY_ARGUMENTS

static const struct verdict verdicts[] = {
#include "seccomp.h"
};

/* The whole: the entry, a tree that finds the verdict by the call's number, the rows. When a
 * filter is loaded, the kernel goes through it once for every number there is, to remember which
 * always pass: in a list of all rows that takes three times as long. */
enum {
    MAX_RUNS = 256,
    ENTRY = sizeof entry / sizeof *entry,
    ROWS = sizeof rows / sizeof *rows,
    VERDICTS = sizeof verdicts / sizeof *verdicts,
};
static struct sock_filter filter[ENTRY + 2 * MAX_RUNS + ROWS];
static unsigned short filter_length;

/* Calls next to each other with one verdict: from `first[i].call` on. Returns their number. */
static int find_runs(struct verdict *first) {
    unsigned short of[LAST_KNOWN_CALL + 1] = {0};
    int count = 0;
    for (int i = 0; i < VERDICTS; i++)
        if (verdicts[i].call <= LAST_KNOWN_CALL) of[verdicts[i].call] = verdicts[i].verdict;
    for (unsigned short call = 0; call <= LAST_KNOWN_CALL; call++) {
        if (count && first[count - 1].verdict == of[call]) continue;
        if (count == MAX_RUNS) return 0;
        first[count++] = (struct verdict){call, of[call]};
    }
    return count;
}

static void add(struct sock_filter instruction) { filter[filter_length++] = instruction; }

static void add_leaf(unsigned verdict, int end) {
    unsigned skip = (unsigned)(end - filter_length - 1);
    if (verdict == BY_ROWS) add((struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, skip));
    else if (verdict == ALLOWED) add((struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
    else add((struct sock_filter)REFUSE(verdict));
}

/* The lower half is what is skipped: with 256 runs just what fits into a byte. */
static void add_tree(const struct verdict *first, int count, int end) {
    if (count == 1) return add_leaf(first->verdict, end);
    int half = count / 2;
    unsigned char lower = (unsigned char)(2 * half - 1);
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first[half].call, lower, 0));
    add_tree(first, half, end);
    add_tree(first + half, count - half, end);
}

/* Returns 0 or errno. */
static int build_filter(void) {
    struct verdict first[MAX_RUNS];
    int count = find_runs(first);
    if (!count) return E2BIG;
    filter_length = 0;
    for (int i = 0; i < ENTRY; i++) add(entry[i]);
    add_tree(first, count, ENTRY + 2 * count - 1);
    for (int i = 0; i < ROWS; i++) add(rows[i]);
    return 0;
}

static int load(struct sock_filter *instructions, unsigned short count) {
    struct sock_fprog program = {count, instructions};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? errno : 0;
}

/* Returns 0 or errno. */
int refuse_system_calls(void) {
    int error = filter_length ? 0 : build_filter();
    return error ? error : load(filter, filter_length);
}

/* Returns 0 or errno. */
int refuse_what_is_shared(void) {
    return load(shared_filter, sizeof shared_filter / sizeof *shared_filter);
}
