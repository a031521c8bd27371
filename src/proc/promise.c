/*
 * promise.c: one table row per system call, one Landlock rule set, no way back.
 *
 * seccomp sees numbers and register values, not what pointers lead to, so it
 * decides which calls exist; Landlock decides which files and ports they reach. A
 * call without a row kills the process: it is either a fault of ours or somebody
 * else's code.
 */
#include "proc/promise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#define STDIO	 PROMISE_STDIO
#define READ	 PROMISE_READ
#define WRITE	 PROMISE_WRITE
#define INET	 PROMISE_INET
#define ACCEPT	 PROMISE_ACCEPT
#define CHILDREN PROMISE_CHILDREN

/* A row may look at one argument: permitted when (argument & mask) == value. Mask 0 looks at none. */
struct call {
	const char *name;
	unsigned    promises; /* any of them permits it */
	unsigned    argument;
	uint64_t    mask, value;
};

#define ALL_BITS UINT64_MAX

static const struct call calls[] = {
	/* memory: never executable after the promise; the parent, before its children promise, still loads name services */
	{"brk", STDIO, 0, 0, 0},
	{"mmap", STDIO, 2, PROT_EXEC, 0},
	{"mprotect", STDIO, 2, PROT_EXEC, 0},
	{"mmap", CHILDREN, 0, 0, 0},
	{"mprotect", CHILDREN, 0, 0, 0},
	{"munmap", STDIO, 0, 0, 0},
	{"mremap", STDIO, 0, 0, 0},
	{"madvise", STDIO, 0, 0, 0},
	{"futex", STDIO, 0, 0, 0},     /* locks inside OpenSSL and libevent */
	{"getrandom", STDIO, 0, 0, 0}, /* libsodium, OpenSSL */

	/* what is open already */
	{"read", STDIO, 0, 0, 0},
	{"readv", STDIO, 0, 0, 0},
	{"write", STDIO, 0, 0, 0},
	{"writev", STDIO, 0, 0, 0},
	{"close", STDIO, 0, 0, 0},
	{"lseek", STDIO, 0, 0, 0},
	{"fstat", STDIO, 0, 0, 0},
	{"newfstatat", STDIO, 3, AT_EMPTY_PATH, AT_EMPTY_PATH}, /* how glibc spells fstat */
	{"fcntl", STDIO, 0, 0, 0},
	{"ioctl", STDIO, 1, ALL_BITS, FIONREAD}, /* libevent asks how much is there */
	{"ioctl", STDIO, 1, ALL_BITS, FIONBIO},
	{"ioctl", STDIO, 1, ALL_BITS, TCGETS}, /* isatty */
	{"dup", STDIO, 0, 0, 0},
	{"sendmsg", STDIO, 0, 0, 0}, /* pipes pass descriptors */
	{"recvmsg", STDIO, 0, 0, 0},
	{"sendto", STDIO, 0, 0, 0}, /* send(2); a datagram socket cannot be made, so no address goes with it */
	{"recvfrom", STDIO, 0, 0, 0},
	{"shutdown", STDIO, 0, 0, 0},

	/* the event loop and clocks */
	{"epoll_ctl", STDIO, 0, 0, 0},
	{"epoll_wait", STDIO, 0, 0, 0},
	{"epoll_pwait", STDIO, 0, 0, 0},
	{"epoll_pwait2", STDIO, 0, 0, 0},
	{"epoll_create1", STDIO, 0, 0, 0},
	{"eventfd2", STDIO, 0, 0, 0},
	{"timerfd_create", STDIO, 0, 0, 0},
	{"setitimer", STDIO, 0, 0, 0}, /* the alarm that ends a worker whose driver hangs */
	{"timerfd_settime", STDIO, 0, 0, 0},
	{"poll", STDIO, 0, 0, 0},
	{"ppoll", STDIO, 0, 0, 0},
	{"clock_gettime", STDIO, 0, 0, 0}, /* a real call where the vdso has no clock */
	{"clock_getres", STDIO, 0, 0, 0},
	{"clock_nanosleep", STDIO, 0, 0, 0},
	{"nanosleep", STDIO, 0, 0, 0},
	{"gettimeofday", STDIO, 0, 0, 0},
	{"time", STDIO, 0, 0, 0},
	{"restart_syscall", STDIO, 0, 0, 0},

	/* itself: names of the process, signals it sends to itself when it aborts, its end */
	{"getpid", STDIO, 0, 0, 0},
	{"getppid", STDIO, 0, 0, 0},
	{"gettid", STDIO, 0, 0, 0},
	{"getuid", STDIO, 0, 0, 0},
	{"geteuid", STDIO, 0, 0, 0},
	{"getgid", STDIO, 0, 0, 0},
	{"getegid", STDIO, 0, 0, 0},
	{"sysinfo", STDIO, 0, 0, 0}, /* glibc's qsort asks how much memory there is */
	{"sched_yield", STDIO, 0, 0, 0},
	{"rt_sigaction", STDIO, 0, 0, 0},
	{"rt_sigprocmask", STDIO, 0, 0, 0},
	{"rt_sigreturn", STDIO, 0, 0, 0},
	{"sigaltstack", STDIO, 0, 0, 0},
	{"tgkill", STDIO, 0, 0, 0},
	{"exit", STDIO, 0, 0, 0},
	{"exit_group", STDIO, 0, 0, 0},

	/* files by name: Landlock says which */
	{"openat", READ | WRITE, 0, 0, 0},
	{"open", READ | WRITE, 0, 0, 0},
	{"newfstatat", READ | WRITE, 0, 0, 0},
	{"stat", READ | WRITE, 0, 0, 0},
	{"lstat", READ | WRITE, 0, 0, 0},
	{"statx", READ | WRITE, 0, 0, 0},
	{"access", READ | WRITE, 0, 0, 0},
	{"faccessat", READ | WRITE, 0, 0, 0},
	{"faccessat2", READ | WRITE, 0, 0, 0},
	{"readlink", READ | WRITE, 0, 0, 0}, /* SQLite resolves its path */
	{"readlinkat", READ | WRITE, 0, 0, 0},
	{"getcwd", READ | WRITE, 0, 0, 0},
	{"getdents64", READ | WRITE, 0, 0, 0},
	{"fstatfs", READ | WRITE, 0, 0, 0},
	{"pread64", READ | WRITE, 0, 0, 0},
	{"preadv", READ | WRITE, 0, 0, 0},
	{"fadvise64", READ | WRITE, 0, 0, 0},
	{"flock", READ | WRITE, 0, 0, 0},
	{"msync", READ | WRITE, 0, 0, 0},

	/* files for writing */
	{"pwrite64", WRITE, 0, 0, 0},
	{"pwritev", WRITE, 0, 0, 0},
	{"fsync", WRITE, 0, 0, 0},
	{"fdatasync", WRITE, 0, 0, 0},
	{"sync_file_range", WRITE, 0, 0, 0},
	{"ftruncate", WRITE, 0, 0, 0},
	{"fallocate", WRITE, 0, 0, 0},
	{"rename", WRITE, 0, 0, 0},
	{"renameat", WRITE, 0, 0, 0},
	{"renameat2", WRITE, 0, 0, 0},
	{"link", WRITE, 0, 0, 0},
	{"linkat", WRITE, 0, 0, 0},
	{"unlink", WRITE, 0, 0, 0},
	{"unlinkat", WRITE, 0, 0, 0},
	{"mkdir", WRITE, 0, 0, 0},
	{"mkdirat", WRITE, 0, 0, 0},
	{"rmdir", WRITE, 0, 0, 0},
	{"fchmod", WRITE, 0, 0, 0},
	{"fchown", WRITE, 0, 0, 0}, /* SQLite, when root opens another's ledger */
	{"chmod", WRITE, 0, 0, 0},
	{"fchmodat", WRITE, 0, 0, 0},
	{"umask", WRITE, 0, 0, 0},

	/* the network: TCP only, so no datagram, raw, netlink or Unix socket by name */
	{"socket", INET, 0, ALL_BITS, AF_INET},
	{"socket", INET, 0, ALL_BITS, AF_INET6},
	{"connect", INET, 0, 0, 0},
	{"bind", CHILDREN, 0, 0, 0}, /* link and desk bind and listen before they promise */
	{"listen", CHILDREN, 0, 0, 0},
	{"accept", INET | ACCEPT, 0, 0, 0},
	{"accept4", INET | ACCEPT, 0, 0, 0},
	{"getsockname", INET | ACCEPT, 0, 0, 0},
	{"getpeername", INET | ACCEPT, 0, 0, 0},
	{"getsockopt", INET | ACCEPT, 0, 0, 0},
	{"setsockopt", INET | ACCEPT, 0, 0, 0},

	/* the parent, and what its children do before they promise: a filter is inherited and can only shrink */
	{"clone", CHILDREN, 0, 0, 0},
	{"fork", CHILDREN, 0, 0, 0},
	{"wait4", CHILDREN, 0, 0, 0},
	{"waitid", CHILDREN, 0, 0, 0},
	{"kill", CHILDREN, 0, 0, 0},
	{"signalfd4", CHILDREN, 0, 0, 0},
	{"prctl", CHILDREN, 0, 0, 0},
	{"seccomp", CHILDREN, 0, 0, 0},
	{"landlock_create_ruleset", CHILDREN, 0, 0, 0},
	{"landlock_add_rule", CHILDREN, 0, 0, 0},
	{"landlock_restrict_self", CHILDREN, 0, 0, 0},
	{"set_robust_list", CHILDREN, 0, 0, 0},
	{"rseq", CHILDREN, 0, 0, 0},
	{"prlimit64", CHILDREN, 0, 0, 0},
	{"setrlimit", CHILDREN, 0, 0, 0},
	{"close_range", CHILDREN, 0, 0, 0},
	{"dup2", CHILDREN, 0, 0, 0},
	{"dup3", CHILDREN, 0, 0, 0},
	{"pipe2", CHILDREN, 0, 0, 0},
	{"socketpair", CHILDREN, 0, 0, 0},
	{"socket", CHILDREN, 0, 0, 0}, /* name look-ups of a link that has not promised yet: DNS, netlink, nscd */
	{"sendmmsg", CHILDREN, 0, 0, 0},
	{"recvmmsg", CHILDREN, 0, 0, 0},
	{"ioctl", CHILDREN, 0, 0, 0},
	{"uname", CHILDREN, 0, 0, 0},
	{"statfs", CHILDREN, 0, 0, 0},
	{"sched_getaffinity", CHILDREN, 0, 0, 0},
	{"arch_prctl", CHILDREN, 0, 0, 0},
	{"getpgrp", CHILDREN, 0, 0, 0},
};

/*
 * Looking at socket's other arguments too: stream sockets only (SOCK_NONBLOCK and SOCK_CLOEXEC stand above these
 * bits) and no protocol by number: Landlock's rules for ports know TCP, not the stream protocols beside it.
 */
#define SOCK_KIND_BITS 0xf

/* ---- seccomp ---- */

static int call_permit(scmp_filter_ctx filter, const struct call *call, int number)
{
	if (call->mask == 0)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	struct scmp_arg_cmp look = SCMP_CMP64(call->argument, SCMP_CMP_MASKED_EQ, call->mask, call->value);
	if (number != SCMP_SYS(socket))
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, look);
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 3, look, SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, SOCK_KIND_BITS, SOCK_STREAM),
				SCMP_CMP64(2, SCMP_CMP_EQ, 0, 0));
}

/* A name that this libseccomp does not know is not permitted; a call that this machine does not have needs no rule. */
static bool calls_permit(scmp_filter_ctx filter, unsigned what)
{
	for (size_t i = 0; i < COUNT_OF(calls); i++) {
		if (!(calls[i].promises & what))
			continue;
		int number = seccomp_syscall_resolve_name(calls[i].name);
		if (number == __NR_SCMP_ERROR || number < 0)
			continue;
		if (call_permit(filter, &calls[i], number) != 0)
			return false;
	}
	return true;
}

static void filter_release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static enum err seccomp_confine(unsigned what)
{
	scoped(filter_release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!filter)
		return ERR_SANDBOX;
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
	    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0) /* a binary tree: calls with a look at arguments are not cached */
		return ERR_SANDBOX;
	if (!calls_permit(filter, what))
		return ERR_SANDBOX;
	return seccomp_load(filter) == 0 ? ERR_OK : ERR_SANDBOX;
}

/* ---- Landlock ----
 * The numbers are the kernel's interface (include/uapi/linux/landlock.h), written
 * here because the headers of an older distribution lack the newer ones. */

enum {
	FILE_EXECUTE = 1 << 0,
	FILE_WRITE = 1 << 1,
	FILE_READ = 1 << 2,
	FOLDER_READ = 1 << 3,
	REMOVE_FOLDER = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_DEVICE = 1 << 6,
	MAKE_FOLDER = 1 << 7,
	MAKE_FILE = 1 << 8,
	MAKE_SOCKET = 1 << 9,
	MAKE_FIFO = 1 << 10,
	MAKE_BLOCK = 1 << 11,
	MAKE_LINK = 1 << 12,
	REFER = 1 << 13,    /* from version 2 */
	TRUNCATE = 1 << 14, /* from version 3 */
	IOCTL = 1 << 15,    /* from version 5 */
	TCP_BIND = 1 << 0,  /* from version 4 */
	TCP_CONNECT = 1 << 1,
	SCOPE_SOCKET = 1 << 0, /* from version 6 */
	SCOPE_SIGNAL = 1 << 1,
};

#define FILE_RIGHTS (FILE_EXECUTE | FILE_WRITE | FILE_READ | TRUNCATE | IOCTL) /* what a rule on a file, not a folder, may name */

#define RULE_PATH_BENEATH 1
#define RULE_PORT	  2
#define PORTS_FROM	  4 /* the version */
#define QUERY_VERSION	  1u

struct rule_set {
	uint64_t files;
	uint64_t tcp;	 /* from version 4 */
	uint64_t scoped; /* from version 6 */
};

struct rule_path {
	uint64_t rights;
	int32_t	 folder;
} __attribute__((packed));

struct rule_port {
	uint64_t rights;
	uint64_t port;
};

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule	    445
#define SYS_landlock_restrict_self  446
#endif

static int landlock_version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, QUERY_VERSION);
}

static uint64_t file_rights(int version)
{
	uint64_t rights = MAKE_LINK | (MAKE_LINK - 1);

	if (version >= 2)
		rights |= REFER;
	if (version >= 3)
		rights |= TRUNCATE;
	if (version >= 5)
		rights |= IOCTL;
	return rights;
}

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static enum err path_permit(int rules, uint64_t handled, const struct promise_path *path)
{
	scoped(fd_close) int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct stat	     about;

	if (fd < 0 || fstat(fd, &about) != 0)
		return ERR_SANDBOX;
	uint64_t rights = FILE_READ | FOLDER_READ;
	if (path->write)
		rights |= FILE_WRITE | TRUNCATE | MAKE_FILE | MAKE_FOLDER | REMOVE_FILE | REMOVE_FOLDER | REFER;
	if (!S_ISDIR(about.st_mode))
		rights &= FILE_RIGHTS;
	struct rule_path rule = {.rights = rights & handled, .folder = fd};
	return syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0) == 0 ? ERR_OK : ERR_SANDBOX;
}

static enum err paths_permit(int rules, uint64_t handled, unsigned what, const struct promise_path *paths)
{
	if (!(what & (READ | WRITE)))
		return ERR_OK;
	for (; paths && paths->path; paths++) {
		struct promise_path one = *paths;
		if (!(what & WRITE))
			one.write = 0;
		enum err e = path_permit(rules, handled, &one);
		if (e)
			return e;
	}
	return ERR_OK;
}

static enum err ports_permit(int rules, unsigned what, const uint16_t *ports)
{
	if (!(what & INET))
		return ERR_OK;
	for (; ports && *ports; ports++) {
		struct rule_port rule = {.rights = TCP_CONNECT, .port = *ports};
		if (syscall(SYS_landlock_add_rule, rules, RULE_PORT, &rule, 0) != 0)
			return ERR_SANDBOX;
	}
	return ERR_OK;
}

/* Everything handled and not permitted by a rule is denied. */
static enum err landlock_confine(unsigned what, const struct promise_path *paths, const uint16_t *ports)
{
	int version = landlock_version();

	if (version < 1)
		return ERR_SANDBOX;
	struct rule_set set = {.files = file_rights(version)};
	if (version >= PORTS_FROM)
		set.tcp = TCP_BIND | TCP_CONNECT;
	if (version >= 6)
		set.scoped = SCOPE_SOCKET | SCOPE_SIGNAL;
	size_t		     size = version >= 6 ? sizeof set : version >= PORTS_FROM ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
	scoped(fd_close) int rules = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (rules < 0)
		return ERR_SANDBOX;
	enum err e = paths_permit(rules, set.files, what, paths);
	if (!e && version >= PORTS_FROM)
		e = ports_permit(rules, what, ports);
	if (e)
		return e;
	return syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? ERR_OK : ERR_SANDBOX;
}

/* ---- both ---- */

#ifdef MITHAQ_SANITIZED
#define CONFINES 0
#else
#define CONFINES 1
#endif

int promise_available(void)
{
	return CONFINES && landlock_version() >= 1;
}

int promise_ports_available(void)
{
	return CONFINES && landlock_version() >= PORTS_FROM;
}

enum err promise(unsigned what, const struct promise_path *paths, const uint16_t *ports)
{
	/* A sanitizer's runtime opens files and makes memory executable as it likes: such builds are for finding faults. */
	if (!CONFINES)
		return ERR_OK;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return ERR_SANDBOX;
	/* The parent touches no file after its start, and what it denied its children could not take back: they confine themselves. */
	if (!(what & CHILDREN)) {
		enum err e = landlock_confine(what, paths, ports);
		if (e)
			return e;
	}
	return seccomp_confine(what);
}
