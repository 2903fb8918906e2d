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

static char *written;
static size_t written_size;

static int write_processes(void) {
    free(written);
    written = NULL;
    written_size = 0;
    FILE *records = open_memstream(&written, &written_size);
    if (!records) return errno;
    int error = copy_processes(records);
    return fclose(records) && !error ? errno : error;
}

/* In parts: a reply has room for so much, and none for a descriptor. */
void list_processes(const struct request *request) {
    enum { PART = 12 * 1024 };
    int error = request->a == 0 ? write_processes() : 0;
    size_t start = (size_t)request->a;
    if (!error && (request->a < 0 || start > written_size)) error = EINVAL;
    size_t left = error ? 0 : written_size - start;
    struct reply reply = {
        .kind = REPLY, .id = request->id, .error = error, .a = (int32_t)written_size, .b = getpid()};
    send_reply(reply, left ? written + start : NULL, left < PART ? left : PART, -1);
}
