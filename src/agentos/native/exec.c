/* Commands: started with the host's descriptors, locked down, and reported when they end. */
#include "agentos.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

enum { MAX_WORDS = 16384, PATIENCE_MS = 10, WAKE_UPS = 500 };

struct command {
    const char *cwd;
    char **argv, **env;
    int fds[3];
    bool pty, root, monitor;
};

/* Which request each running child belongs to, and what its end means to the host: EXITED,
 * or the REPLY itself, with the exit code as errno. */
static struct running {
    pid_t pid;
    uint32_t id;
    enum kind ending;
} *running;
static size_t running_count, running_room;

bool remember(pid_t pid, uint32_t id, enum kind ending) {
    if (running_count == running_room) {
        size_t room = running_room ? running_room * 2 : 16;
        struct running *larger = realloc(running, room * sizeof *running);
        if (!larger) return false;
        running = larger;
        running_room = room;
    }
    running[running_count++] = (struct running){pid, id, ending};
    return true;
}

static uint64_t microseconds(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static void report_exit(uint32_t id, int status, const struct rusage *rusage) {
    struct usage usage = {microseconds(rusage->ru_utime), microseconds(rusage->ru_stime),
                          (uint64_t)rusage->ru_maxrss};
    send_reply((struct reply){.kind = EXITED, .id = id, .a = status}, &usage, sizeof usage, -1);
}

/* The machine's user may kill the child: that too is an answer. */
static void report_result(uint32_t id, int status) {
    int error = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    send_reply((struct reply){.kind = REPLY, .id = id, .error = error}, NULL, 0, -1);
}

static void report_end(pid_t pid, int status, const struct rusage *rusage) {
    for (size_t i = 0; i < running_count; i++) {
        if (running[i].pid != pid) continue;
        if (running[i].ending == REPLY) report_result(running[i].id, status);
        else report_exit(running[i].id, status, rusage);
        running[i] = running[--running_count];
        return;
    }
}

void reap_children(void) {
    int status;
    struct rusage rusage;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &rusage)) > 0) {
        report_end(pid, status, &rusage);
        forget_relay(pid);
    }
}

/* ---- in the child: no heap, no return, errors by code ---- */

static const char *path_of(char **env) {
    for (; *env; env++)
        if (!strncmp(*env, "PATH=", 5)) return *env + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/* execvpe, told apart: a file that is there but may not run is EACCES, not ENOENT. */
static int exec_along_path(char **argv, char **env) {
    if (strchr(argv[0], '/')) {
        execve(argv[0], argv, env);
        return errno;
    }
    int error = ENOENT;
    for (const char *start = path_of(env), *stop; *start; start = *stop ? stop + 1 : stop) {
        char file[4096];
        stop = strchrnul(start, ':');
        if ((size_t)snprintf(file, sizeof file, "%.*s/%s", (int)(stop - start), start, argv[0]) >=
            sizeof file)
            continue;
        execve(file, argv, env);
        if (errno != ENOENT && errno != ENOTDIR) error = errno;
    }
    return error;
}

static unsigned long most_open_files;

void limit_open_files(unsigned long number) {
    most_open_files = number;
}

/* Of commands only: init needs a descriptor for each level of a tree that it removes. */
static int bound_open_files(void) {
    struct rlimit limit;
    if (!most_open_files) return 0;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return errno;
    if (most_open_files < limit.rlim_max) limit.rlim_max = most_open_files;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) ? errno : 0;
}

void bound_commands(const struct request *request) {
    rlim_t number = (rlim_t)request->a + (rlim_t)threads_of_init();
    struct rlimit most = {number, number};
    int error = request->a > 0 && setrlimit(RLIMIT_NPROC, &most) ? errno : 0;
    if (request->b > 0) limit_open_files((unsigned long)request->b);
    send_reply((struct reply){.kind = REPLY, .id = request->id, .error = error}, NULL, 0, -1);
}

static int lock_down(const struct command *command) {
    return command->root ? lock_root_down() : lock_payload_down(command->monitor);
}

/* Returns the errno of the step that failed, and its name. */
static int become_command(const struct command *command, const char **step) {
    sigset_t none;
    sigemptyset(&none);
    *step = "start";
    if (setsid() < 0 && errno != EPERM) return errno;
    for (int i = 0; i < 3; i++)
        if (dup2(command->fds[i], i) < 0) return errno;
    if (command->pty && ioctl(0, TIOCSCTTY, 0)) return errno;
    if (syscall(SYS_close_range, 3, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC)) return errno;
    int error;
    *step = "room";
    if (command->monitor && (error = enter_monitors_room())) return error;
    *step = "lock down";
    if ((error = bound_open_files()) || (error = lock_down(command))) return error;
    *step = "cwd"; /* with the rights of whom the command runs as */
    if (chdir(command->cwd)) return errno;
    if (sigprocmask(SIG_SETMASK, &none, NULL)) return errno;
    *step = "exec";
    return exec_along_path(command->argv, command->env);
}

/* Wait until the child wrote to the pipe, or let go of it. The machine's programs may stop the
 * child, which has their user's id: it is woken, and in the end killed, so that init serves. */
static void wait_for_child(pid_t pid, int pipe) {
    struct pollfd ready = {pipe, POLLIN, 0};
    for (int waited = 0; poll(&ready, 1, PATIENCE_MS) == 0; waited++)
        kill(pid, waited < WAKE_UPS ? SIGCONT : SIGKILL);
}

struct start {
    const struct command *command;
    volatile int error;
    const char *volatile step;
};

static int start_child(void *argument) {
    struct start *start = argument;
    const char *step;
    start->error = become_command(start->command, &step);
    start->step = step;
    _exit(127);
}

/* The child shares init's memory until it execs, so its error comes back in a variable and no
 * page table is copied. As with vfork, but that init's wait can end. */
static pid_t run(const struct command *command, int *error, const char **step) {
    static _Alignas(16) char stack[64 * 1024];
    struct start start = {command, 0, "fork"};
    int started[2];
    pid_t pid = -1;
    if (!pipe2(started, O_CLOEXEC)) {
        start.error = start_as_user(true);
        if (!start.error) pid = clone(start_child, stack + sizeof stack, CLONE_VM | SIGCHLD, &start);
        if (pid < 0 && !start.error) start.error = errno;
        if (start_as_user(false)) fail("be init again");
        close(started[1]);
        if (pid > 0) wait_for_child(pid, started[0]);
        close(started[0]);
    } else start.error = errno;
    *error = start.error;
    *step = start.step;
    return pid;
}

/* ---- contained commands: a supervisor keeps every descendant in its family ---- */

struct outcome {
    int error;
    pid_t pid;
    char step[16];
};

/* Waits for the command, then ends whatever it left; what is orphaned comes to us. Returns
 * the command's exit code. */
static int outlive(pid_t command) {
    int status, result = 127;
    pid_t ended;
    while ((ended = wait(&status)) != command)
        if (ended < 0 && errno != EINTR) return result;
    result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    do {
        kill_children();
        ended = wait(NULL);
    } while (ended > 0 || errno == EINTR);
    return result;
}

static _Noreturn void supervise(const struct command *command, int report) {
    struct outcome outcome = {0};
    const char *step = "supervise";
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) || setsid() < 0) outcome.error = errno;
    pid_t child = outcome.error ? -1 : run(command, &outcome.error, &step);
    outcome.pid = child;
    snprintf(outcome.step, sizeof outcome.step, "%s", step);
    if (!outcome.error && lock_down(command)) _exit(127);
    if (write(report, &outcome, sizeof outcome) < 0 || outcome.error) _exit(127);
    if (syscall(SYS_close_range, 0, LAST_DESCRIPTOR, 0)) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    _exit(outlive(child));
}

/* Returns the supervisor, the command itself in `child`. */
static pid_t run_contained(const struct command *command, int *error, const char **step, pid_t *child) {
    static struct outcome outcome;
    int report[2];
    *step = "fork";
    if (pipe2(report, O_CLOEXEC)) {
        *error = errno;
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(CONTROL);
        close(report[0]);
        supervise(command, report[1]);
    }
    *error = pid < 0 ? errno : 0;
    close(report[1]);
    if (pid > 0) {
        wait_for_child(pid, report[0]);
        if (read(report[0], &outcome, sizeof outcome) != sizeof outcome) outcome.error = EIO;
        outcome.step[sizeof outcome.step - 1] = 0;
        *error = outcome.error;
        *step = outcome.step;
        *child = outcome.pid;
    }
    close(report[0]);
    return pid;
}

/* ---- terminals ---- */

/* gVisor's kernel does not know the other way, which needs no path. */
static int open_slave(int master) {
    enum { FLAGS = O_RDWR | O_NOCTTY | O_CLOEXEC };
    unsigned number;
    char path[32];
    int slave = ioctl(master, TIOCGPTPEER, FLAGS);
    if (slave >= 0 || errno != ENOTTY) return slave;
    if (ioctl(master, TIOCGPTN, &number)) return -1;
    snprintf(path, sizeof path, "/dev/pts/%u", number);
    return open(path, FLAGS);
}

/* Returns the master, the slave in `slave`; -1 with errno. */
static int open_terminal(int size, int *slave) {
    struct winsize window = {.ws_row = (unsigned short)(size >> 16), .ws_col = (unsigned short)(size & 0xffff)};
    int unlock = 0, master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) return -1;
    if (!ioctl(master, TIOCSPTLCK, &unlock) && !ioctl(master, TIOCSWINSZ, &window)) {
        *slave = open_slave(master);
        if (*slave >= 0) {
            int error = own_terminal(*slave);
            if (!error) return master;
            close(*slave);
            errno = error;
        }
    }
    int error = errno;
    close(master);
    errno = error;
    return -1;
}

/* ---- the request ---- */

static bool read_words(const char **cursor, const char *end, int count, char **words) {
    for (int i = 0; i < count; i++)
        if (!(words[i] = (char *)next_text(cursor, end))) return false;
    words[count] = NULL;
    return true;
}

static void refuse(uint32_t id, int error, const char *step) {
    send_reply((struct reply){.kind = REPLY, .id = id, .error = error}, step, strlen(step), -1);
}

void start_command(const struct request *request, size_t size, const int *fds, int fd_count) {
    static char *argv[MAX_WORDS + 1], *env[MAX_WORDS + 1];
    const char *cursor = request->text, *end = (const char *)request + size, *step;
    struct command command = {.argv = argv, .env = env, .pty = request->a & EXEC_PTY,
                              .root = request->a & EXEC_ROOT,
                              .monitor = request->a & EXEC_MONITOR};
    command.cwd = next_text(&cursor, end);
    if (request->c < 1 || request->c > MAX_WORDS || request->d < 0 || request->d > MAX_WORDS)
        return refuse(request->id, E2BIG, "exec");
    if (!command.cwd || !read_words(&cursor, end, request->c, argv) ||
        !read_words(&cursor, end, request->d, env) || (fd_count != 3 && !(command.pty && fd_count <= 1)))
        return refuse(request->id, EBADMSG, "exec");
    int error, master = -1, slave = -1;
    if (fd_count < 3) {
        if ((master = open_terminal(request->b, &slave)) < 0)
            return refuse(request->id, errno, "terminal");
        for (int i = 0; i < 3; i++) command.fds[i] = slave;
    } else {
        memcpy(command.fds, fds, sizeof command.fds);
    }
    bool contain = request->a & EXEC_CONTAIN;
    pid_t child = 0, pid = contain ? run_contained(&command, &error, &step, &child)
                                   : run(&command, &error, &step);
    if (slave >= 0) close(slave);
    bool relayed = fd_count == 1 && pid > 0 && !error;
    if (relayed && (error = start_relay(pid, master, fds[0]))) relayed = false;
    if (pid > 0 && !error && !remember(pid, request->id, EXITED)) error = ENOMEM;
    if (pid > 0 && error) kill(pid, SIGKILL);
    if (error) refuse(request->id, error, step);
    else
        send_reply((struct reply){.kind = REPLY,
                                  .id = request->id,
                                  .a = contain ? child : pid,
                                  .b = contain ? pid : 0},
                   NULL, 0, relayed ? -1 : master);
    if (master >= 0 && !relayed) close(master);
}
