/* Swaps q/N/a and q/N/b for ever, from a thread: the process itself looks ended. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int count;

static void *swap(void *unused) {
    char a[64], b[64];
    for (int i = 0;; i = (i + 1) % count) {
        snprintf(a, sizeof a, "q/%d/a", i);
        snprintf(b, sizeof b, "q/%d/b", i);
        syscall(SYS_renameat2, -100, a, -100, b, 2);
    }
    return unused;
}

int main(int words, char **argv) {
    pthread_t thread;
    count = words > 1 ? atoi(argv[1]) : 1;
    if (pthread_create(&thread, NULL, swap, NULL)) return 1;
    puts("on");
    fflush(stdout);
    syscall(SYS_exit, 0);
}
