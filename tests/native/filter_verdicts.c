/* Compares the filter with its table, read row by row: for every number of a call, on this and on
 * other architectures, and for each value of the arguments that a row names or might confuse. */
#include "filter.c"

#include <stdio.h>
#include <stdlib.h>

/* What the kernel does with a filter; of its instructions those that the filter uses. */
static unsigned run_filter(const struct seccomp_data *data) {
    unsigned loaded = 0;
    for (int at = 0; at < filter_length; at++) {
        struct sock_filter i = filter[at];
        switch (i.code) {
        case BPF_LD | BPF_W | BPF_ABS: memcpy(&loaded, (const char *)data + i.k, sizeof loaded); break;
        case BPF_RET | BPF_K: return i.k;
        case BPF_JMP | BPF_JA: at += (int)i.k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: at += loaded == i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: at += loaded >= i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JGT | BPF_K: at += loaded > i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JSET | BPF_K: at += loaded & i.k ? i.jt : i.jf; break;
        default: printf("instruction %d is none of ours: %x\n", at, i.code), exit(1);
        }
    }
    printf("the filter has no end\n"), exit(1);
}

#undef DENY
#undef DENY_VALUE
#undef DENY_ANY_BIT
#undef DENY_UNLESS
#undef DENY_UNLESS_ONE_OF
#undef DENY_UNLESS_BOTH
#undef PRETEND
#undef PRETEND_IF_GIVEN
#define ARGUMENT(i) ((unsigned)data->args[i])
#define REFUSE_IF(call, condition, error)                                                         \
    if (data->nr == SYS_##call && (condition)) return SECCOMP_RET_ERRNO | (error);
#define DENY(call, error, why) REFUSE_IF(call, true, error)
#define DENY_VALUE(call, i, value, error, why) REFUSE_IF(call, ARGUMENT(i) == (value), error)
#define DENY_ANY_BIT(call, i, bits, error, why) REFUSE_IF(call, ARGUMENT(i) & (bits), error)
#define DENY_UNLESS(call, i, value, error, why) REFUSE_IF(call, ARGUMENT(i) != (value), error)
#define DENY_UNLESS_ONE_OF(call, i, one, two, three, four, error, why)                            \
    REFUSE_IF(call,                                                                               \
              ARGUMENT(i) != (one) && ARGUMENT(i) != (two) && ARGUMENT(i) != (three) &&           \
                  ARGUMENT(i) != (four),                                                          \
              error)
#define DENY_UNLESS_BOTH(call, i, value, j, other, error, why)                                    \
    REFUSE_IF(call, ARGUMENT(i) == (value) && ARGUMENT(j) != (other), error)
#define PRETEND(call, i, value, why) REFUSE_IF(call, ARGUMENT(i) == (value), 0)
#define PRETEND_IF_GIVEN(call, i, value, pointer, why)                                            \
    REFUSE_IF(call, ARGUMENT(i) == (value) && data->args[pointer], 0)

static unsigned read_table(const struct seccomp_data *data) {
    if (data->arch != NATIVE_ARCH) return SECCOMP_RET_KILL_PROCESS;
    if ((unsigned)data->nr > LAST_KNOWN_CALL) return SECCOMP_RET_ERRNO | ENOSYS;
#include "seccomp.h"
    return SECCOMP_RET_ALLOW;
}

static const uint64_t values[] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 17, 33, 40, 115, 132, 0x541C, 0x5412, 0x5413, 0x5423,
    CLONE_VM, CLONE_NEWTIME, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
    CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWNS | CLONE_VM, 0x7fffffff, 0xffffffff, 1ULL << 32,
    1ULL << 32 | RLIMIT_CORE, 1ULL << 32 | AF_UNIX, 1ULL << 32 | TIOCSTI, ~0ULL, ~0ULL << 32,
};
enum { VALUES = sizeof values / sizeof *values };

static long compared;

static void compare(unsigned arch, unsigned call, const uint64_t *args) {
    struct seccomp_data data = {.nr = (int)call, .arch = arch, .args = {args[0], args[1], args[2]}};
    unsigned found = run_filter(&data), wanted = read_table(&data);
    compared++;
    if (found == wanted) return;
    printf("call %u of %x with %llx %llx %llx: %x, not %x\n", call, arch, (unsigned long long)args[0],
           (unsigned long long)args[1], (unsigned long long)args[2], found, wanted);
    exit(1);
}

static void compare_all_arguments(unsigned arch, unsigned call) {
    for (int i = 0; i < VALUES; i++)
        for (int j = 0; j < VALUES; j++)
            for (int k = 0; k < VALUES; k++) compare(arch, call, (uint64_t[]){values[i], values[j], values[k]});
}

int main(void) {
    const unsigned x32 = 0x40000000, others[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0, ~0U};
    if (build_filter()) return 1;
    for (unsigned call = 0; call <= LAST_KNOWN_CALL + 100; call++) {
        compare_all_arguments(NATIVE_ARCH, call);
        compare(NATIVE_ARCH, call | x32, values);
        compare(NATIVE_ARCH, ~call, values);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) compare(others[i], call, values);
    }
    for (unsigned bit = 0; bit < 32; bit++) compare(NATIVE_ARCH, 1U << bit, values);
    printf("%ld verdicts alike, %d instructions\n", compared, filter_length);
}
