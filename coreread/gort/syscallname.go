package gort

// systemCalls are the Linux system calls in which a thread of a Go program may
// be found asleep, by number: the kernel's unistd_64.h for amd64 and the generic
// unistd.h for arm64. Those on files are among them: a disk or a server need not
// answer.
var systemCalls = map[string]map[uint64]string{
	"amd64": {
		0: "read", 1: "write", 2: "open", 3: "close", 4: "stat", 5: "fstat", 6: "lstat", 7: "poll", 9: "mmap", 10: "mprotect",
		11: "munmap", 16: "ioctl", 17: "pread64", 18: "pwrite64", 19: "readv", 20: "writev", 21: "access", 23: "select",
		24: "sched_yield", 26: "msync", 28: "madvise", 34: "pause", 35: "nanosleep", 40: "sendfile", 42: "connect", 43: "accept",
		44: "sendto", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 48: "shutdown", 56: "clone", 58: "vfork", 59: "execve",
		61: "wait4", 62: "kill", 65: "semop", 69: "msgsnd", 70: "msgrcv", 72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync",
		76: "truncate", 77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 87: "unlink", 89: "readlink", 101: "ptrace",
		128: "rt_sigtimedwait", 130: "rt_sigsuspend", 137: "statfs", 138: "fstatfs", 162: "sync", 165: "mount", 166: "umount2",
		200: "tkill", 202: "futex", 208: "io_getevents", 217: "getdents64", 219: "restart_syscall", 220: "semtimedop",
		230: "clock_nanosleep", 232: "epoll_wait", 234: "tgkill", 242: "mq_timedsend", 243: "mq_timedreceive", 247: "waitid",
		250: "keyctl", 257: "openat", 258: "mkdirat", 262: "newfstatat", 263: "unlinkat", 264: "renameat", 267: "readlinkat",
		269: "faccessat", 270: "pselect6", 271: "ppoll", 275: "splice", 276: "tee", 277: "sync_file_range", 278: "vmsplice",
		281: "epoll_pwait", 285: "fallocate", 288: "accept4", 295: "preadv", 296: "pwritev", 299: "recvmmsg", 306: "syncfs",
		307: "sendmmsg", 316: "renameat2", 318: "getrandom", 326: "copy_file_range", 327: "preadv2", 328: "pwritev2", 332: "statx",
		426: "io_uring_enter", 439: "faccessat2", 441: "epoll_pwait2",
	},
	"arm64": {
		4: "io_getevents", 22: "epoll_pwait", 25: "fcntl", 29: "ioctl", 32: "flock", 34: "mkdirat", 35: "unlinkat", 38: "renameat",
		39: "umount2", 40: "mount", 43: "statfs", 44: "fstatfs", 45: "truncate", 46: "ftruncate", 47: "fallocate", 48: "faccessat",
		56: "openat", 57: "close", 61: "getdents64", 63: "read", 64: "write", 65: "readv", 66: "writev", 67: "pread64",
		68: "pwrite64", 69: "preadv", 70: "pwritev", 71: "sendfile", 72: "pselect6", 73: "ppoll", 75: "vmsplice", 76: "splice",
		77: "tee", 78: "readlinkat", 79: "newfstatat", 80: "fstat", 81: "sync", 82: "fsync", 83: "fdatasync", 84: "sync_file_range",
		95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 117: "ptrace", 124: "sched_yield",
		128: "restart_syscall", 129: "kill", 130: "tkill", 131: "tgkill", 133: "rt_sigsuspend", 137: "rt_sigtimedwait",
		182: "mq_timedsend", 183: "mq_timedreceive", 188: "msgrcv", 189: "msgsnd", 192: "semtimedop", 193: "semop",
		202: "accept", 203: "connect", 206: "sendto", 207: "recvfrom", 210: "shutdown", 211: "sendmsg", 212: "recvmsg",
		215: "munmap", 219: "keyctl", 220: "clone", 221: "execve", 222: "mmap", 226: "mprotect", 227: "msync", 233: "madvise",
		242: "accept4", 243: "recvmmsg", 260: "wait4", 267: "syncfs", 269: "sendmmsg", 276: "renameat2", 278: "getrandom",
		285: "copy_file_range", 286: "preadv2", 287: "pwritev2", 291: "statx", 426: "io_uring_enter", 439: "faccessat2",
		441: "epoll_pwait2",
	},
}

// descriptorCalls are those whose first argument is the file descriptor that they
// are about. (That of openat and its like is only where a path begins.)
var descriptorCalls = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range []string{
		"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2",
		"accept", "accept4", "connect", "shutdown", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
		"close", "fstat", "fstatfs", "ioctl", "fcntl", "flock", "fsync", "fdatasync", "ftruncate", "fallocate", "getdents64",
		"syncfs", "sync_file_range", "sendfile", "splice", "tee", "vmsplice", "copy_file_range",
		"epoll_wait", "epoll_pwait", "epoll_pwait2", "io_uring_enter", "mq_timedsend", "mq_timedreceive",
	} {
		m[name] = true
	}
	return m
}()
