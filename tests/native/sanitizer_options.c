/* Linked into the launcher when it is built with sanitizers. Its environment is empty, its
 * stderr is /dev/null and it leaves the host's root: the report goes to a file that is opened
 * before anything else. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sanitizer/asan_interface.h>
#include <sched.h>
#include <unistd.h>

/* Init never ends by itself, so what it holds is no leak; and without handlers it is immune
 * to signals from inside, as it has to be. */
const char *__asan_default_options(void) {
    return "detect_leaks=0:exitcode=99:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:"
           "handle_sigill=0:handle_abort=0";
}

__attribute__((constructor)) static void report_to_file(void) {
    int fd = open(REPORT, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd < 0 || dup2(fd, 2) < 0) _exit(98);
    close(fd);
}

enum { CHILD_STACK = 64 * 1024 };

int __real_clone(int (*child)(void *), void *stack, int flags, void *argument);

/* A child that shares memory leaves its stack by execve: what its frames marked stays marked
 * for the next one. Linked with --wrap=clone. */
int __wrap_clone(int (*child)(void *), void *stack, int flags, void *argument) {
    __asan_unpoison_memory_region((char *)stack - CHILD_STACK, CHILD_STACK);
    return __real_clone(child, stack, flags, argument);
}
