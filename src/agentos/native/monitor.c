/* The room of a virtual machine's monitor. It runs in the machine like a command, and it shares the
 * machine's files with its guest, below GUEST. A guest that has taken over its own kernel can ask
 * the monitor for any path there: so neither the monitor's /proc nor its devices are among them.
 * What is mounted in the machine later appears below GUEST too. */
#include "agentos.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> do not go together in older libcs. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
enum { DETACH = 2 };
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#define ROOM "/run"
#define GUEST ROOM "/guest"

/* Mounts of the machine come to us, and ours stay here. */
static int follow_machine(void) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL)) return errno;
    if (unshare(CLONE_NEWNS)) return errno;
    return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ? errno : 0;
}

/* Takes away all that is mounted there: below /dev the machine's layers are hidden. */
static int uncover(const char *path) {
    while (!umount2(path, DETACH)) {
    }
    return errno == EINVAL ? 0 : errno; /* nothing is mounted there any more */
}

static int share_files(int files) {
    if (mkdir(GUEST, 0755)) return errno;
    if (syscall(SYS_move_mount, files, "", AT_FDCWD, GUEST, MOVE_MOUNT_F_EMPTY_PATH)) return errno;
    int error = uncover(GUEST "/proc");
    return error ? error : uncover(GUEST "/dev");
}

/* Beside the machine's files the room has a home for the monitor, and an empty directory that it
 * boots from. Returns 0 or errno. Runs in a child that shares init's memory until it execs. */
int enter_monitors_room(void) {
    int error = follow_machine();
    if (error) return error;
    int files = (int)syscall(SYS_open_tree, AT_FDCWD, "/",
                             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (files < 0) return errno;
    if (mount("tmpfs", ROOM, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=256m")) return errno;
    if ((error = share_files(files))) return error;
    return mkdir(ROOM "/monitor", 0700) || mkdir(ROOM "/empty", 0755) ? errno : 0;
}
