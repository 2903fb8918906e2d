/* Mounts that come and go while the machine runs. The host makes them (pin.c); init attaches
 * them, and detaches no other. */
#include "agentos.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int umount2(const char *, int);
enum { DETACH = 2, NOFOLLOW = 8 };

static void reply(const struct request *request, int error, int a, int b) {
    send_reply((struct reply){.kind = REPLY, .id = request->id, .error = error, .a = a, .b = b}, NULL,
               0, -1);
}

/* A statx field that not every libc's header knows. 0 if the kernel does not say. */
static int mount_id(int fd) {
    enum { ASK = 0x1000, AT_WORD = 18 };
    uint64_t words[32] = {0};
    if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, ASK, words)) return 0;
    return (int)words[AT_WORD];
}

static bool is_below(const char *path, const char *top) {
    size_t length = strlen(top);
    return !strncmp(path, top, length) && (!path[length] || path[length] == '/');
}

/* Whatever links the path went through: no mount may cover these. */
static int refuse_reserved(int target) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", target);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return errno;
    path[size] = 0;
    const char *reserved[] = {"/proc", "/sys", "/dev", NULL};
    for (int i = 0; reserved[i]; i++)
        if (is_below(path, reserved[i])) return EPERM;
    return strcmp(path, "/") ? 0 : EPERM;
}

/* The directories on the way to the target. What is there stays as it is. */
static int make_way(const char *path) {
    char part[PATH_MAX];
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part) return ENAMETOOLONG;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int error = make_directory_at(part, 0755);
        if (error && error != EEXIST) return error;
        *slash = '/';
    }
    return 0;
}

static int make_mount_point(const char *path, bool directory) {
    if (directory) return make_directory_at(path, 0755);
    int fd = open_path(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

static int prepare(const char *path, bool directory, int *made) {
    int error = make_way(path);
    if (!error) error = make_mount_point(path, directory);
    *made = !error;
    return error == EEXIST ? 0 : error;
}

/* A link as the last name would lead detaching elsewhere. */
static int attach(const char *path, int mount, bool directory) {
    struct stat status;
    int target = open_path(path, O_PATH | O_NOFOLLOW, 0);
    if (target < 0) return errno;
    int error = fstat(target, &status) ? errno : S_ISLNK(status.st_mode) ? ELOOP : refuse_reserved(target);
    if (!error && directory != S_ISDIR(status.st_mode)) error = directory ? ENOTDIR : EISDIR;
    if (!error && syscall(SYS_move_mount, mount, "", target, "",
                          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
        error = errno;
    close(target);
    return error;
}

static void unmake_mount_point(struct place place, bool directory) {
    unlinkat(place.parent, place.name, directory ? AT_REMOVEDIR : 0);
}

static void attach_mount(const struct request *request, const char *path, int mount) {
    struct stat status;
    int made = 0;
    if (fstat(mount, &status)) return reply(request, errno, 0, 0);
    bool directory = S_ISDIR(status.st_mode);
    int error = prepare(path, directory, &made);
    if (!error) error = attach(path, mount, directory);
    struct place place;
    if (error && made && !find_place(path, &place)) {
        unmake_mount_point(place, directory);
        close(place.parent);
    }
    reply(request, error, error ? 0 : mount_id(mount), made);
}

/* A mount point cannot be renamed within its directory, and that is pinned: what is unmounted
 * is what was looked at. By name, as a descriptor of it would keep it busy. */
static int unmount_at(struct place place, int id, bool lazily, bool *directory) {
    struct stat status;
    int top = openat(place.parent, place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0) return errno;
    bool ours = mount_id(top) == id && !fstat(top, &status);
    close(top);
    if (!ours) return EINVAL;
    *directory = S_ISDIR(status.st_mode);
    if (fchdir(place.parent)) return errno;
    int error = umount2(place.name, NOFOLLOW | (lazily ? DETACH : 0)) ? errno : 0;
    if (chdir("/")) fail("return to the root");
    return error;
}

static void detach_mount(const struct request *request, const char *path) {
    struct place place;
    bool directory = false;
    int error = find_place(path, &place);
    if (error) return reply(request, error, 0, 0);
    error = unmount_at(place, request->a, request->b & DETACH_LAZILY, &directory);
    if (!error && request->b & DETACH_UNMAKE) unmake_mount_point(place, directory);
    close(place.parent);
    reply(request, error, 0, 0);
}

/* For the machine that goes on in place of this one. */
static void copy_mount(const struct request *request, const char *path) {
    struct place place;
    int copy = -1, error = find_place(path, &place);
    if (error) return reply(request, error, 0, 0);
    int top = openat(place.parent, place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0) error = errno;
    else if (mount_id(top) != request->a) error = EINVAL;
    else if ((copy = (int)syscall(SYS_open_tree, top, "",
                                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)) < 0)
        error = errno;
    send_reply((struct reply){.kind = REPLY, .id = request->id, .error = error}, NULL, 0, copy);
    if (copy >= 0) close(copy);
    if (top >= 0) close(top);
    close(place.parent);
}

/* Directories of the root belong to nobody, and the machine's user may close others. */
void mount_operation(const struct request *request, const char *end, const int *fds, int fd_count) {
    const char *cursor = request->text, *path = next_text(&cursor, end);
    bool attaching = request->op == OP_ATTACH;
    if (!path || path[0] != '/' || fd_count != (attaching ? 1 : 0))
        return reply(request, EBADMSG, 0, 0);
    int error = lift_file_permissions(true);
    if (error) return reply(request, error, 0, 0);
    if (attaching) attach_mount(request, path, fds[0]);
    else if (request->op == OP_DETACH) detach_mount(request, path);
    else copy_mount(request, path);
    if (lift_file_permissions(false)) fail("lower the right to all files");
}
