/* "agentos-init processes": prints what runs in a guest, whose /proc the host cannot open. For
 * each process the sizes of its stat and its command line, then these. Left out is what is not
 * of the machine: the kernel's threads, the guest's first process, init and what carries it. */
#include "agentos.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KERNEL_THREADS = 2 };

static size_t read_entry(const char *pid, const char *name, char *text, size_t most) {
    char path[64];
    size_t size = 0;
    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    for (ssize_t got; size < most && (got = read(fd, text + size, most - size)) > 0;) size += (size_t)got;
    close(fd);
    return size;
}

/* The state and the parent come after the name, which may hold anything. */
static pid_t parent_in(const char *stat, size_t size, char *state) {
    const char *after_name = memrchr(stat, ')', size);
    if (!after_name || after_name + 4 >= stat + size) return 0;
    *state = after_name[2];
    return (pid_t)strtol(after_name + 4, NULL, 10);
}

static pid_t parent_of(pid_t pid) {
    char text[512], name[16], state;
    snprintf(name, sizeof name, "%d", (int)pid);
    size_t size = read_entry(name, "stat", text, sizeof text - 1);
    text[size] = 0;
    return parent_in(text, size, &state);
}

static bool print_process(const char *pid, const char *stat, size_t size) {
    static char command[128 * 1024];
    uint32_t sizes[2] = {(uint32_t)size, (uint32_t)read_entry(pid, "cmdline", command, sizeof command)};
    return fwrite(sizes, sizeof sizes, 1, stdout) == 1 && fwrite(stat, 1, size, stdout) == size &&
           fwrite(command, 1, sizes[1], stdout) == sizes[1];
}

int print_processes(void) {
    pid_t init = getppid(), carrier = parent_of(init);
    bool kernel_is_here = parent_of(KERNEL_THREADS) == 0;
    DIR *proc = opendir("/proc");
    if (!proc) return 1;
    for (struct dirent *entry; (entry = readdir(proc));) {
        char stat[1024], state = 0;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 1 || pid == getpid() || pid == init || pid == carrier) continue;
        size_t size = read_entry(entry->d_name, "stat", stat, sizeof stat - 1);
        stat[size] = 0;
        pid_t parent = parent_in(stat, size, &state);
        bool awaits_init = state == 'Z' && parent == init;
        bool of_kernel = !parent || (kernel_is_here && parent == KERNEL_THREADS);
        if (!size || of_kernel || awaits_init) continue;
        if (!print_process(entry->d_name, stat, size)) return 1;
    }
    closedir(proc);
    return fflush(stdout) ? 1 : 0;
}
