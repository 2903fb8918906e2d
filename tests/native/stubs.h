/* Put before every file of the launcher when it is fuzzed: what would reach the kernel
 * reaches fuzz_packets.c instead, so that no packet has an effect. */
#ifndef STUBS_H
#define STUBS_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn void fake_exit(int code);
int fake_bind(int fd, const struct sockaddr *address, socklen_t size);
int fake_clone(int (*child)(void *), void *stack, int flags, void *argument);
int fake_close(int fd);
int fake_closedir(DIR *directory);
int fake_descriptor(const char *path);
int fake_execve(const char *file, char *const *argv, char *const *env);
int fake_ioctl(int fd, unsigned long request, ...);
int fake_on_path(const char *path);
int fake_on_paths(const char *path, const char *second);
int fake_outcome();
int fake_pipe(int *fds);
int fake_open(const char *path);
int fake_poll(struct pollfd *fds, nfds_t count);
DIR *fake_fdopendir(void);
DIR *fake_opendir(void);
struct dirent *fake_readdir(void);
pid_t fake_fork(void);
pid_t fake_wait(int *status);
ssize_t fake_read(int fd, void *data, size_t size);
ssize_t fake_readlinkat(const char *path, char *data, size_t size);
ssize_t fake_recvmsg(struct msghdr *message);
ssize_t fake_sendmsg(const struct msghdr *message);
ssize_t fake_recv(void *data, size_t size);
int fake_stat(struct stat *status);
long fake_syscall(long number, ...);

#define _exit fake_exit
#define bind fake_bind
#define chdir fake_on_path
#define chmod(path, mode) fake_on_path(path)
#define clone fake_clone
#define close fake_close
#define closedir fake_closedir
#define dup2(from, to) ((void)(from), (void)(to), fake_outcome())
#define execve fake_execve
#define fchdir(fd) fake_outcome()
#define fdopendir(fd) ((void)(fd), fake_fdopendir())
#define fork fake_fork
#define fstat(fd, status) fake_stat(status)
#define getrlimit(which, limit) (*(limit) = (struct rlimit){0}, fake_outcome())
#define getsid(pid) ((void)(pid), fake_outcome())
#define inotify_add_watch(fd, path, mask) fake_on_path(path)
#define inotify_init1(flags) fake_descriptor("")
#define inotify_rm_watch(fd, watch) fake_outcome()
#define ioctl fake_ioctl
#define kill(pid, number) ((void)(pid), (void)(number), fake_outcome())
#define listen(fd, backlog) ((void)(fd), fake_outcome())
#define mkdirat(fd, path, mode) fake_on_path(path)
#define mount(...) fake_outcome()
#define open(path, ...) fake_open(path)
#define openat(fd, path, ...) fake_descriptor(path)
#define opendir(path) fake_opendir()
#define pipe2(fds, flags) fake_pipe(fds)
#define poll(fds, count, timeout) fake_poll(fds, count)
#define prctl(...) fake_outcome()
#define read fake_read
#define readdir(directory) ((void)(directory), fake_readdir())
#define readlink(path, data, size) fake_readlinkat(path, data, size)
#define readlinkat(fd, path, data, size) fake_readlinkat(path, data, size)
#define recv(fd, data, size, flags) fake_recv(data, size)
#define recvmsg(fd, message, flags) fake_recvmsg(message)
#define renameat(fd, path, to, second) fake_on_paths(path, second)
#define sendmsg(fd, message, flags) fake_sendmsg(message)
#define setfsgid(id) fake_outcome()
#define setfsuid(id) fake_outcome()
#define setrlimit(which, limit) ((void)(limit), fake_outcome())
#define setns(fd, kind) fake_outcome()
#define setsid() fake_outcome()
#define setsockopt(fd, level, option, value, size) ((void)(value), fake_outcome())
#define signalfd(...) fake_descriptor("")
#define sigprocmask(how, set, old) ((void)(set), 0)
#define socket(...) fake_descriptor("")
#define symlinkat(path, fd, second) fake_on_paths(path, second)
#define syscall fake_syscall
#define umount2(path, flags) fake_outcome()
#define unshare(flags) fake_outcome()
#define unlinkat(fd, path, flags) fake_on_path(path)
#define wait fake_wait
#define waitpid(pid, status, flags) fake_wait(status)
#define wait4(pid, status, flags, usage) (*(usage) = (struct rusage){0}, fake_wait(status))
#define write(fd, data, size) ((void)(data), (ssize_t)(size))

#endif
