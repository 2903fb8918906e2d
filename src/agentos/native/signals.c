/* Signals to one process, or to all that belongs to it. */
#include "agentos.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 32768, ROUNDS = 16 };

static struct member {
    pid_t pid, parent;
    bool inside;
} members[MOST];

static pid_t parent_of(pid_t pid) {
    char path[32], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0) return 0;
    text[size] = 0;
    const char *after_name = strrchr(text, ')'); /* a name may hold anything, ')' too */
    return after_name ? (pid_t)strtol(after_name + 4, NULL, 10) : 0;
}

static int list_members(bool with_parents) {
    int count = 0;
    DIR *proc = opendir("/proc");
    if (!proc) return 0;
    for (struct dirent *entry; count < MOST && (entry = readdir(proc));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1) members[count++] = (struct member){pid, with_parents ? parent_of(pid) : 0, false};
    }
    closedir(proc);
    return count;
}

static bool is_inside(pid_t pid, int count) {
    for (int i = 0; i < count; i++)
        if (members[i].pid == pid) return members[i].inside;
    return false;
}

static int mark_family(pid_t root, int count) {
    int marked = 0;
    for (bool grew = true; grew;) {
        grew = false;
        for (int i = 0; i < count; i++) {
            if (members[i].inside) continue;
            if (members[i].pid != root && !is_inside(members[i].parent, count)) continue;
            members[i].inside = grew = true;
            marked++;
        }
    }
    return marked;
}

void kill_children(void) {
    pid_t parent = getpid();
    int count = list_members(true);
    for (int i = 0; i < count; i++)
        if (members[i].parent == parent) kill(members[i].pid, SIGKILL);
}

/* All descendants of a supervisor, which ends by itself when they have. */
static int signal_family(pid_t root, int number) {
    int known = 0;
    if (kill(root, 0)) return errno;
    for (int round = 0; round < ROUNDS; round++) {
        int count = list_members(true), found = mark_family(root, count);
        for (int i = 0; i < count; i++)
            if (members[i].inside && members[i].pid != root) kill(members[i].pid, number);
        if (number != SIGKILL || found <= known) break; /* nobody was born meanwhile */
        known = found;
    }
    return 0;
}

static int signal_session(pid_t session, int number) {
    int known = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int found = 0, count = list_members(false);
        for (int i = 0; i < count; i++)
            if (getsid(members[i].pid) == session && !kill(members[i].pid, number)) found++;
        if (number != SIGKILL || found <= known) return found ? 0 : ESRCH;
        known = found;
    }
    return 0;
}

/* Returns 0 or errno. Init itself, and every process at once, are not for signals. */
int send_signal(pid_t pid, int number, int scope) {
    if (pid <= 1 || pid == getpid()) return EPERM;
    switch (scope) {
    case SCOPE_SESSION: return signal_session(pid, number);
    case SCOPE_FAMILY: return signal_family(pid, number);
    case SCOPE_GROUP: return kill(-pid, number) ? errno : 0;
    default: return kill(pid, number) ? errno : 0;
    }
}
