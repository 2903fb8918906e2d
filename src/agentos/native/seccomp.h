/* The system calls that a machine's processes may not make, and why. Included into the
 * filter of lockdown.c. Rows of one architecture only are guarded. */

/* mounts: the machine's view of files is what init built */
DENY(mount, EPERM)
DENY(umount2, EPERM)
DENY(pivot_root, EPERM)
DENY(chroot, EPERM)
DENY(move_mount, EPERM)
DENY(open_tree, EPERM)
DENY(fsopen, EPERM)
DENY(fsconfig, EPERM)
DENY(fsmount, EPERM)
DENY(fspick, EPERM)
DENY(mount_setattr, EPERM)
/* namespaces: a new one would give capabilities within it, and more kernel to attack.
 * clone3 hides its flags behind a pointer; on ENOSYS libc falls back to clone */
DENY(unshare, EPERM)
DENY(setns, EPERM)
DENY(clone3, ENOSYS)
/* keyrings: not all of them are bound to a namespace */
DENY(keyctl, EPERM)
DENY(add_key, EPERM)
DENY(request_key, EPERM)
/* large and often attacked parts of the kernel that no agent needs */
DENY(bpf, EPERM)
DENY(perf_event_open, EPERM)
DENY(userfaultfd, EPERM)
DENY(io_uring_setup, EPERM)
DENY(io_uring_enter, EPERM)
DENY(io_uring_register, EPERM)
/* the running kernel */
DENY(kexec_load, EPERM)
DENY(init_module, EPERM)
DENY(finit_module, EPERM)
DENY(delete_module, EPERM)
DENY(reboot, EPERM)
DENY(swapon, EPERM)
DENY(swapoff, EPERM)
DENY(acct, EPERM)
DENY(quotactl, EPERM)
DENY(syslog, EPERM)
DENY(vhangup, EPERM)
/* the host's clock */
DENY(settimeofday, EPERM)
DENY(clock_settime, EPERM)
DENY(clock_adjtime, EPERM)
DENY(adjtimex, EPERM)
/* files by handle: reaches past the root */
DENY(open_by_handle_at, EPERM)
DENY(name_to_handle_at, EPERM)
/* other processes' memory and pages */
DENY(process_vm_readv, EPERM)
DENY(process_vm_writev, EPERM)
DENY(kcmp, EPERM)
DENY(move_pages, EPERM)
DENY(migrate_pages, EPERM)
DENY(mbind, EPERM)
#ifdef SYS_kexec_file_load
DENY(kexec_file_load, EPERM)
#endif
#ifdef __x86_64__
/* hardware ports and segments */
DENY(iopl, EPERM)
DENY(ioperm, EPERM)
DENY(modify_ldt, EPERM)
#endif
