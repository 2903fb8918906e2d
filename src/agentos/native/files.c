/* File operations, each within the machine's root: a symbolic link can lead nowhere
 * else, and magic links of /proc are not followed. */
#include "agentos.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifndef STATX_BTIME
#include <linux/stat.h> /* not every libc knows of statx */
#endif

enum { DIRECTORY = O_PATH | O_DIRECTORY | O_CLOEXEC };

static int open_in_root(int from, const char *path, uint64_t flags, uint64_t mode) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, from, path, &how, sizeof how);
}

static int root(void) {
    static int fd = -1;
    if (fd < 0) fd = open("/", DIRECTORY);
    return fd;
}

int open_path(const char *path, uint64_t flags, uint64_t mode) {
    return open_in_root(root(), path, flags | O_CLOEXEC, mode);
}

/* The root itself has no place in a parent, and "." and ".." are no names. */
int find_place(const char *path, struct place *place) {
    static char copy[PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    if (length >= sizeof copy) return ENAMETOOLONG;
    memcpy(copy, path, length);
    copy[length] = 0;
    char *slash = strrchr(copy, '/');
    const char *name = path + (slash ? slash - copy + 1 : 0);
    static char last[NAME_MAX + 1];
    size_t size = length - (size_t)(name - path);
    if (size > NAME_MAX) return ENAMETOOLONG;
    memcpy(last, name, size);
    last[size] = 0;
    if (!size) return EBUSY;
    if (!strcmp(last, ".") || !strcmp(last, "..")) return EINVAL;
    if (slash) slash[slash == copy ? 1 : 0] = 0;
    place->parent = open_path(slash ? copy : "/", DIRECTORY, 0);
    if (place->parent < 0) return errno;
    place->name = last;
    return 0;
}

static int in_place(const char *path, int (*operation)(struct place, int), int argument) {
    struct place place;
    int error = find_place(path, &place);
    if (error) return error;
    error = operation(place, argument) ? errno : 0;
    close(place.parent);
    return error;
}

static int make(struct place place, int mode) { return mkdirat(place.parent, place.name, (mode_t)mode); }

int make_directory_at(const char *path, mode_t mode) { return in_place(path, make, (int)mode); }

static int drop(struct place place, int flags) { return unlinkat(place.parent, place.name, flags); }

static int rename_path(const char *from, const char *to) {
    struct place source, target;
    static char source_name[NAME_MAX + 1];
    int error = find_place(from, &source);
    if (error) return error;
    snprintf(source_name, sizeof source_name, "%s", source.name); /* the next call reuses it */
    if (!(error = find_place(to, &target))) {
        error = renameat(source.parent, source_name, target.parent, target.name) ? errno : 0;
        close(target.parent);
    }
    close(source.parent);
    return error;
}

static int link_path(const char *target, const char *path) {
    struct place place;
    int error = find_place(path, &place);
    if (error) return error;
    error = symlinkat(target, place.parent, place.name) ? errno : 0;
    close(place.parent);
    return error;
}

/* chmod through /proc: fchmod does not take an O_PATH descriptor. */
static int change_mode(const char *path, int mode) {
    char link[64];
    int fd = open_path(path, O_PATH, 0);
    if (fd < 0) return errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int error = !is_the_machine_s_own(fd) ? EACCES : chmod(link, (mode_t)mode) ? errno : 0;
    close(fd);
    return error;
}

static int remove_tree(int parent, const char *name) {
    if (!unlinkat(parent, name, 0)) return 0;
    if (errno != EISDIR) return errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno;
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return ENOMEM;
    }
    int error = 0;
    for (struct dirent *entry; !error && (errno = 0, entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        error = remove_tree(fd, entry->d_name);
        if (error == ENOENT) error = 0; /* somebody else was faster */
    }
    closedir(directory);
    if (!error && unlinkat(parent, name, AT_REMOVEDIR)) error = errno;
    return error;
}

static void reply(uint32_t id, int error, const void *data, size_t size, int fd) {
    send_reply((struct reply){.kind = REPLY, .id = id, .error = error}, data, size, fd);
}

/* Removing a tree takes a descriptor for each of its levels. */
static void take_all_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* A tree may be large: a child removes it, so that init goes on serving. Its exit code is the
 * errno, which init hands on. */
static void remove_in_background(const struct request *request, const char *path) {
    pid_t pid = fork();
    if (pid == 0) {
        struct place place;
        take_all_descriptors();
        int error = find_place(path, &place);
        _exit(error ? error : remove_tree(place.parent, place.name));
    }
    if (pid > 0 && remember(pid, request->id, REPLY)) return;
    reply(request->id, pid < 0 ? errno : ENOMEM, NULL, 0, -1);
}

static void reply_stat(const struct request *request, const char *path) {
    struct statx status;
    int fd = open_path(path, O_PATH | (request->a ? 0 : O_NOFOLLOW), 0);
    int error = fd < 0 || syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) ? errno : 0;
    if (fd >= 0) close(fd);
    reply(request->id, error, error ? NULL : &status, sizeof status, -1);
}

static void reply_link(const struct request *request, const char *path) {
    char target[PATH_MAX];
    int fd = open_path(path, O_PATH | O_NOFOLLOW, 0);
    ssize_t size = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof target);
    int error = size < 0 ? (errno == ENOENT && fd >= 0 ? EINVAL : errno) : 0;
    if (fd >= 0) close(fd);
    reply(request->id, error, error ? NULL : target, error ? 0 : (size_t)size, -1);
}

/* Init waits for nobody: not for the other end of a pipe, and it takes no terminal. */
static int open_at_once(const char *path, uint64_t flags, uint64_t mode) {
    return open_path(path, flags & O_PATH ? flags : flags | O_NONBLOCK | O_NOCTTY, mode);
}

static void reply_descriptor(const struct request *request, int fd) {
    reply(request->id, fd < 0 ? errno : 0, NULL, 0, fd);
    if (fd >= 0) close(fd);
}

void file_operation(const struct request *request, const char *end) {
    const char *cursor = request->text;
    const char *path = next_text(&cursor, end), *second = next_text(&cursor, end);
    uint32_t id = request->id;
    if (request->op == OP_SIGNAL)
        return reply(id, send_signal(request->a, request->b, request->c), NULL, 0, -1);
    if (request->op == OP_STAGE) return reply_descriptor(request, clone_stage(request->a));
    if (request->op == OP_SOCKET)
        return reply_descriptor(request, make_socket(request->a, request->b, request->c));
    if (!path) return reply(id, EBADMSG, NULL, 0, -1);
    switch (request->op) {
    case OP_OPEN:
        return reply_descriptor(request, open_at_once(path, (uint32_t)request->a, (uint32_t)request->b));
    case OP_LISTEN: return reply_descriptor(request, open_listener(path, request->a, request->b));
    case OP_STAT: return reply_stat(request, path);
    case OP_READLINK: return reply_link(request, path);
    case OP_MKDIR: return reply(id, make_directory_at(path, (mode_t)request->a), NULL, 0, -1);
    case OP_UNLINK: return reply(id, in_place(path, drop, request->a), NULL, 0, -1);
    case OP_CHMOD: return reply(id, change_mode(path, request->a), NULL, 0, -1);
    case OP_REMOVE: return remove_in_background(request, path);
    case OP_RENAME: return reply(id, second ? rename_path(path, second) : EBADMSG, NULL, 0, -1);
    case OP_SYMLINK: return reply(id, second ? link_path(path, second) : EBADMSG, NULL, 0, -1);
    default: return reply(id, ENOSYS, NULL, 0, -1);
    }
}
