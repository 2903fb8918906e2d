/* What the processes of a machine may not ask of the kernel, and why: one row each, included
 * into filter.c. docs/seccomp.md shows this table and compares it with
 * Docker's. Rows of one architecture only are guarded. */

/* Mounts: the machine's view of files is what init built. */
DENY(mount, EPERM, "would change what init built")
DENY(umount2, EPERM, "would uncover what a mount hides")
DENY(pivot_root, EPERM, "would change the root")
DENY(chroot, EPERM, "with an open directory outside, the classic way out of a root")
DENY(move_mount, EPERM, "mount, in its newer form")
DENY(open_tree, EPERM, "mount, in its newer form")
DENY(fsopen, EPERM, "mount, in its newer form; parsers of file systems")
DENY(fsconfig, EPERM, "mount, in its newer form; parsers of file systems")
DENY(fsmount, EPERM, "mount, in its newer form")
DENY(fspick, EPERM, "mount, in its newer form")
DENY(mount_setattr, EPERM, "would make a read-only mount writable")

/* Namespaces: a new one gives capabilities within it, and with them more kernel to attack. */
DENY(unshare, EPERM, "new namespaces")
DENY(setns, EPERM, "other namespaces")
DENY(clone3, ENOSYS, "its flags are behind a pointer; after ENOSYS libc takes clone")
DENY_ANY_BIT(clone, 0, NEW_NAMESPACES, EPERM, "new namespaces")
DENY(sethostname, EPERM, "the machine's name is the host's to give")
DENY(setdomainname, EPERM, "the machine's name is the host's to give")

/* Sockets: only what belongs to the network namespace, and loads no module. */
DENY_UNLESS_ONE_OF(socket, 0, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, EAFNOSUPPORT,
                   "AF_VSOCK leads to the hypervisor; a rare family loads its module")
DENY_UNLESS_BOTH(socket, 0, AF_NETLINK, 2, NETLINK_ROUTE, EAFNOSUPPORT,
                 "routing tells a program its addresses; the other protocols are kernel to attack")
DENY_VALUE(socket, 2, IPPROTO_SCTP, EPROTONOSUPPORT, "loads a large and rarely used module")
DENY_VALUE(socket, 2, IPPROTO_DCCP, EPROTONOSUPPORT, "loads a rarely used module")
DENY_VALUE(socket, 2, IPPROTO_L2TP, EPROTONOSUPPORT, "loads a rarely used module")
DENY_UNLESS(socketpair, 0, AF_UNIX, EAFNOSUPPORT, "socket by another entry")

/* Terminals. */
DENY_VALUE(ioctl, 1, TIOCSTI, EPERM, "types into a terminal on somebody's behalf")
DENY_VALUE(ioctl, 1, TIOCLINUX, EPERM, "pastes into a console on somebody's behalf")
DENY_VALUE(ioctl, 1, TIOCSETD, EPERM, "loads a line discipline, such as that of a modem")

/* Core dumps: the limit of one byte that keeps them from a handler on the host has to stay;
 * with 0 the kernel would run the handler. Programs that forbid their own are told yes. */
PRETEND(setrlimit, 0, RLIMIT_CORE, "a limit of 0 would let cores reach a handler on the host")
PRETEND_IF_GIVEN(prlimit64, 1, RLIMIT_CORE, 2, "setrlimit by another entry; reading stays")

/* Keyrings. */
DENY(keyctl, EPERM, "not all keyrings belong to a namespace: the host's session keyring")
DENY(add_key, EPERM, "not all keyrings belong to a namespace")
DENY(request_key, EPERM, "runs a program on the host")

/* Large and often attacked parts of the kernel that no agent needs. */
DENY(bpf, EPERM, "programs in the kernel")
DENY(perf_event_open, EPERM, "often attacked; sees the whole processor")
DENY(userfaultfd, EPERM, "halts the kernel within a call, which makes races easy to win")
DENY(io_uring_setup, EPERM, "system calls past this filter; often attacked")
DENY(io_uring_enter, EPERM, "as io_uring_setup")
DENY(io_uring_register, EPERM, "as io_uring_setup")
DENY(lsm_get_self_attr, ENOSYS, "the host's security modules")
DENY(lsm_set_self_attr, ENOSYS, "the host's security modules")
DENY(lsm_list_modules, ENOSYS, "the host's security modules")

/* The running kernel. */
DENY(kexec_load, EPERM, "another kernel")
#ifdef SYS_kexec_file_load
DENY(kexec_file_load, EPERM, "another kernel")
#endif
DENY(init_module, EPERM, "code in the kernel")
DENY(finit_module, EPERM, "code in the kernel")
DENY(delete_module, EPERM, "takes code from the kernel")
DENY(reboot, EPERM, "ends the host, or all in the machine")
DENY(swapon, EPERM, "the host's memory")
DENY(swapoff, EPERM, "the host's memory")
DENY(acct, EPERM, "the kernel would write to a file about each process")
DENY(quotactl, EPERM, "quotas of the host's file systems")
DENY(quotactl_fd, EPERM, "quotas of the host's file systems")
DENY(syslog, EPERM, "the kernel's log")
DENY(vhangup, EPERM, "hangs a terminal up")

/* The host's clock. */
DENY(settimeofday, EPERM, "the clock is the host's")
DENY(clock_settime, EPERM, "the clock is the host's")
DENY(clock_adjtime, EPERM, "the clock is the host's")
DENY(adjtimex, EPERM, "the clock is the host's")

/* Files past the root, or of others. */
DENY(open_by_handle_at, EPERM, "opens by inode number, whatever the root")
DENY(name_to_handle_at, EPERM, "makes such numbers")
DENY(fanotify_init, EPERM, "reports what others do with shared files")
DENY(cachestat, ENOSYS, "tells which pages of shared files others have read")
DENY(lookup_dcookie, ENOSYS, "a path by cookie; gone from newer kernels")

/* Other processes' memory and descriptors, and where memory lies. */
DENY(process_vm_readv, EPERM, "ptrace does it, with the checks of a debugger")
DENY(process_vm_writev, EPERM, "ptrace does it, with the checks of a debugger")
DENY(process_madvise, EPERM, "about another process's memory")
DENY(pidfd_getfd, EPERM, "takes another process's descriptor")
DENY(kcmp, EPERM, "compares kernel addresses")
DENY(move_pages, EPERM, "about another process's memory")
DENY(migrate_pages, EPERM, "about another process's memory")
DENY(mbind, EPERM, "memory policy: seldom used and often wrong in the kernel")
DENY(get_mempolicy, EPERM, "memory policy")
DENY(set_mempolicy, EPERM, "memory policy")
DENY(set_mempolicy_home_node, EPERM, "memory policy")

/* Relics. */
DENY(nfsservctl, ENOSYS, "gone from newer kernels")
#ifdef __x86_64__
DENY(uselib, ENOSYS, "maps an old library; gone from newer kernels")
DENY(ustat, ENOSYS, "tells about any mounted file system by number, the host's too")
DENY(sysfs, ENOSYS, "lists the kernel's file systems by number")
DENY(_sysctl, ENOSYS, "settings of the kernel; gone from newer ones")
DENY(iopl, EPERM, "hardware ports")
DENY(ioperm, EPERM, "hardware ports")
DENY(modify_ldt, EPERM, "segments: seldom used and often wrong in the kernel")
#endif
