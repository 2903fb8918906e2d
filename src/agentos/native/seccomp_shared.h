/* What the processes of a machine without namespaces may not ask of the kernel beyond seccomp.h:
 * what would otherwise be the machine's own is the host's here. Landlock has no say in these. */

/* Sockets: the network is the host's, and Landlock knows neither UDP nor socket files, behind
 * which are services of the host that start programs. */
DENY(socket, EACCES, "the host's network, and its services by socket file")
DENY_ANY_BIT(socketpair, 1, 2, EACCES, "a datagram socket of a pair can send to any socket file")

/* System V and POSIX objects. */
DENY(shmget, EACCES, "the host's shared memory")
DENY(shmat, EACCES, "the host's shared memory")
DENY(shmctl, EACCES, "the host's shared memory")
DENY(msgget, EACCES, "the host's message queues")
DENY(msgsnd, EACCES, "the host's message queues")
DENY(msgrcv, EACCES, "the host's message queues")
DENY(msgctl, EACCES, "the host's message queues")
DENY(semget, EACCES, "the host's semaphores")
DENY(semop, EACCES, "the host's semaphores")
DENY(semtimedop, EACCES, "the host's semaphores")
DENY(semctl, EACCES, "the host's semaphores")
DENY(mq_open, EACCES, "the host's message queues")
DENY(mq_unlink, EACCES, "the host's message queues")

/* Other processes of the same user. */
DENY_UNLESS(prlimit64, 0, 0, EPERM, "a limit of CPU time would end a process of the host")
DENY_VALUE(setpriority, 0, 2, EPERM, "PRIO_USER: all processes of the user")
DENY_UNLESS(setpriority, 1, 0, EPERM, "the priority of a process of the host")
DENY_VALUE(ioprio_set, 0, 3, EPERM, "IOPRIO_WHO_USER: all processes of the user")
DENY_UNLESS(ioprio_set, 1, 0, EPERM, "the priority of a process of the host")
DENY_UNLESS(sched_setaffinity, 0, 0, EPERM, "the processors of a process of the host")
DENY_UNLESS(sched_setscheduler, 0, 0, EPERM, "the priority of a process of the host")
DENY_UNLESS(sched_setparam, 0, 0, EPERM, "the priority of a process of the host")
DENY_UNLESS(sched_setattr, 0, 0, EPERM, "the priority of a process of the host")
