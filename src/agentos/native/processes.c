/* The machine's processes for a host that cannot look into /proc itself, because a kernel of
 * their own lies between: the files of /proc that tell of them, one after the other. */
#include "agentos.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A record is a path below /proc with its NUL, the size, and what the file says. */
static void copy_record(FILE *records, const char *path) {
    static char text[128 * 1024];
    char full[320];
    uint32_t size = 0;
    snprintf(full, sizeof full, "/proc/%s", path);
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return; /* it ended meanwhile */
    ssize_t got;
    while (size < sizeof text && (got = read(fd, text + size, sizeof text - size)) > 0)
        size += (uint32_t)got;
    close(fd);
    fwrite(path, strlen(path) + 1, 1, records);
    fwrite(&size, sizeof size, 1, records);
    fwrite(text, size, 1, records);
}

static void copy_threads(FILE *records, long pid) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    DIR *threads = opendir(path);
    if (!threads) return;
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%ld/task/%s/stat", pid, entry->d_name);
        copy_record(records, path);
    }
    closedir(threads);
}

static void copy_process(FILE *records, long pid) {
    char path[64];
    snprintf(path, sizeof path, "%ld/stat", pid);
    copy_record(records, path);
    snprintf(path, sizeof path, "%ld/cmdline", pid);
    copy_record(records, path);
    copy_threads(records, pid);
}

static int copy_processes(FILE *records) {
    DIR *proc = opendir("/proc");
    if (!proc) return errno;
    for (struct dirent *entry; (entry = readdir(proc));) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 0 && !is_relay((pid_t)pid)) copy_process(records, pid);
    }
    closedir(proc);
    return 0;
}

static int write_processes(int file) {
    int fd = dup(file);
    FILE *records = fd < 0 ? NULL : fdopen(fd, "w");
    if (!records) {
        int error = errno;
        if (fd >= 0) close(fd);
        return error;
    }
    int error = copy_processes(records);
    if (fclose(records) && !error) error = errno;
    return error;
}

void list_processes(const struct request *request, const int *fds, int fd_count) {
    int error = fd_count == 1 ? write_processes(fds[0]) : EBADMSG;
    send_reply((struct reply){.kind = REPLY, .id = request->id, .error = error}, NULL, 0, -1);
}
