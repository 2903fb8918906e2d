/* Makes each call of the filter's table that is always refused, with arguments that do
 * nothing, and prints its name, the error it got, and the error of the table. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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

#define DENY(call, error, why) {#call, SYS_##call, error},
#define DENY_VALUE(...)
#define DENY_ANY_BIT(...)
#define DENY_UNLESS(...)
#define DENY_UNLESS_ONE_OF(...)
#define DENY_UNLESS_BOTH(...)
#define PRETEND(...)
#define PRETEND_IF_GIVEN(...)

static const struct {
    const char *name;
    long number;
    int error;
} rows[] = {
#ifdef SHARED
#include "seccomp_shared.h"
#else
#include "seccomp.h"
#endif
};

int main(void) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long result = syscall(rows[i].number, 0, 0, 0, 0, 0, 0);
        printf("%s %s %s\n", rows[i].name, result < 0 ? strerrorname_np(errno) : "allowed",
               strerrorname_np(rows[i].error));
    }
    return 0;
}
