/* Which ids of the host those of a new user namespace are, and becoming the first of them. */
#include "agentos.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_proc(pid_t pid, const char *name, const char *text) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) fail(name);
    close(fd);
}

static bool maps_one_id(const struct plan *plan) {
    const char *count = strrchr(plan->uid_map, ' ');
    return count && !strcmp(count, " 1");
}

/* A program at work, and the descriptor of what it says. */
struct helper {
    pid_t pid;
    int said;
};

/* In the child: "newuidmap PID", then the numbers of the map as words. */
static _Noreturn void become_helper(const char *name, pid_t pid, const char *map, int said) {
    static const char *const places[] = {"/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"};
    enum { MAX_NUMBERS = 9 };
    char numbers[256], of_pid[16], path[64], *argv[2 + MAX_NUMBERS + 1] = {(char *)name, of_pid};
    char *env[] = {NULL};
    int count = 2;
    snprintf(of_pid, sizeof of_pid, "%d", (int)pid);
    snprintf(numbers, sizeof numbers, "%s", map);
    for (char *number = strtok(numbers, " \n"); number && count < 2 + MAX_NUMBERS;
         number = strtok(NULL, " \n"))
        argv[count++] = number;
    if (dup2(said, 2) < 0) _exit(127);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s/%s", places[i], name);
        execve(path, argv, env);
    }
    dprintf(2, "%s: %s", name, strerror(errno));
    _exit(127);
}

static struct helper start_helper(const char *name, pid_t pid, const char *map) {
    int said[2];
    if (pipe2(said, O_CLOEXEC)) fail("make a pipe");
    struct helper helper = {fork(), said[0]};
    if (helper.pid < 0) fail(name);
    if (helper.pid == 0) become_helper(name, pid, map, said[1]);
    close(said[1]);
    return helper;
}

/* Returns whether it did its work; if not, `text` is what it said, or stays as it is. */
static bool finish_helper(struct helper helper, char *text, size_t size) {
    size_t used = 0;
    ssize_t more;
    int status;
    while (used + 1 < size && (more = read(helper.said, text + used, size - used - 1)) > 0)
        used += (size_t)more;
    if (used) text[used] = 0;
    text[strcspn(text, "\n")] = 0;
    close(helper.said);
    return waitpid(helper.pid, &status, 0) == helper.pid && status == 0;
}

/* More than its own id an ordinary user gets mapped by the system's set-user-ID programs. */
static void have_ids_mapped(pid_t pid, const struct plan *plan) {
    char of_users[256] = "newuidmap", of_groups[256] = "newgidmap";
    struct helper users = start_helper("newuidmap", pid, plan->uid_map);
    struct helper groups = start_helper("newgidmap", pid, plan->gid_map);
    bool users_mapped = finish_helper(users, of_users, sizeof of_users);
    bool groups_mapped = finish_helper(groups, of_groups, sizeof of_groups);
    errno = EPERM;
    if (!users_mapped) fail(of_users);
    if (!groups_mapped) fail(of_groups);
}

/* The kernel lets an unprivileged writer map one id, and only with setgroups denied. */
void write_id_maps(pid_t pid, const struct plan *plan) {
    if (geteuid() != 0 && !maps_one_id(plan)) {
        have_ids_mapped(pid, plan);
        return;
    }
    if (maps_one_id(plan)) write_proc(pid, "setgroups", "deny");
    write_proc(pid, "uid_map", plan->uid_map);
    write_proc(pid, "gid_map", plan->gid_map);
}

/* Host directories are pinned first: after this the process has lost root's way to them. One
 * mapped id is the caller's own, unless the caller is root and gave another. */
void become_root_of_the_machine(const struct plan *plan) {
    id_t id = maps_one_id(plan) ? (id_t)strtoul(plan->uid_map, NULL, 10) : 0;
    if (getuid() == id) return;
    if (!maps_one_id(plan) && setgroups(0, NULL)) fail("drop the host's groups");
    if (setresgid(id, id, id)) fail("take the machine's first group");
    if (setresuid(id, id, id)) fail("take the machine's first user");
}
