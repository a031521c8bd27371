/* Each promise, by a forked child that does one thing: it works, is refused by Landlock, or the child is killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/error.h"
#include "child.h"
#include "crypto/random.h"
#include "crypto/sign.h"
#include "proc/promise.h"

static char folder[64], inside[128], outside[128];

/* Each returns true when it worked. */
typedef bool deed_fn(void);

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool read_inside(void)
{
	return opens(inside, O_RDONLY);
}

static bool read_outside(void)
{
	return opens(outside, O_RDONLY);
}

static bool read_passwords(void)
{
	return opens("/etc/passwd", O_RDONLY);
}

static bool write_inside(void)
{
	return opens(inside, O_RDWR);
}

static bool create_inside(void)
{
	char path[160];

	(void)snprintf(path, sizeof path, "%s/new", folder);
	return opens(path, O_WRONLY | O_CREAT) && unlink(path) == 0;
}

static bool create_outside(void)
{
	return opens("/tmp/mithaq-confine-must-not-be", O_WRONLY | O_CREAT);
}

static bool sync_inside(void)
{
	int fd = open(inside, O_RDWR | O_CLOEXEC);

	return fd >= 0 && fdatasync(fd) == 0 && pwrite(fd, "x", 1, 0) == 1 && ftruncate(fd, 1) == 0;
}

static bool make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool make_datagram_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0;
}

static bool make_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

#define PORT_NAMED 1
#define PORT_OTHER 2

/* Nobody is there on loopback, and the answer shows that asking was permitted. */
static bool connect_to(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int		   fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && (connect(fd, (struct sockaddr *)&at, sizeof at) == 0 || errno == ECONNREFUSED);
}

static bool connect_to_the_port_named(void)
{
	return connect_to(PORT_NAMED);
}

static bool connect_to_another_port(void)
{
	return connect_to(PORT_OTHER);
}

static bool make_multipath_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP) >= 0;
}

static bool bind_a_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at) == 0;
}

static bool listen_on_a_new_socket(void)
{
	return listen(socket(AF_INET, SOCK_STREAM, 0), 1) == 0;
}

static int listening = -1;

static bool accept_one(void)
{
	return accept4(listening, NULL, NULL, SOCK_NONBLOCK) >= 0 || errno == EAGAIN;
}

static bool listen_anew(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return bind(listening, (struct sockaddr *)&at, sizeof at) == 0 || errno == EINVAL;
}

static bool run_program(void)
{
	char *words[] = {"/bin/true", NULL};

	return execv(words[0], words) == 0;
}

static bool fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static bool kill_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool turn_into_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at != MAP_FAILED && mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool take_promise_back(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static bool ordinary_work(void)
{
	uint8_t		 seed[SIGN_SEED], random[64];
	struct sign_key	 key;
	struct signature signature;
	char		*memory = malloc(10u << 20);

	random_bytes(seed, sizeof seed);
	random_bytes(random, sizeof random);
	sign_key_from_seed(&key, seed);
	sign_bytes(&key, bytes_of(random, sizeof random), &signature);
	free(memory);
	return memory && sign_verify(&key.pub, bytes_of(random, sizeof random), &signature) == ERR_OK && write(STDERR_FILENO, "", 0) == 0;
}

static const struct {
	const char *what;
	unsigned    promises;
	deed_fn	   *deed;
	enum ending ending;
	bool	    writable; /* the folder is named for writing */
} deeds[] = {
	{"stdio: signs, draws, allocates", PROMISE_STDIO, ordinary_work, ENDED_WELL, false},
	{"stdio: opens a file", PROMISE_STDIO, read_inside, ENDED_KILLED, false},
	{"stdio: creates a file", PROMISE_STDIO, create_inside, ENDED_KILLED, true},
	{"stdio: opens a socket", PROMISE_STDIO, make_socket, ENDED_KILLED, false},
	{"stdio: accepts", PROMISE_STDIO, accept_one, ENDED_KILLED, false},
	{"stdio: forks", PROMISE_STDIO, fork_child, ENDED_KILLED, false},
	{"stdio: runs a program", PROMISE_STDIO, run_program, ENDED_KILLED, false},
	{"stdio: signals its parent", PROMISE_STDIO, kill_parent, ENDED_KILLED, false},
	{"stdio: looks into its parent", PROMISE_STDIO, trace_parent, ENDED_KILLED, false},
	{"stdio: makes code", PROMISE_STDIO, make_code, ENDED_KILLED, false},
	{"stdio: turns data into code", PROMISE_STDIO, turn_into_code, ENDED_KILLED, false},
	{"stdio: becomes dumpable", PROMISE_STDIO, take_promise_back, ENDED_KILLED, false},

	{"read: reads what is named", PROMISE_STDIO | PROMISE_READ, read_inside, ENDED_WELL, false},
	{"read: reads beside it", PROMISE_STDIO | PROMISE_READ, read_outside, ENDED_REFUSED, false},
	{"read: reads the passwords", PROMISE_STDIO | PROMISE_READ, read_passwords, ENDED_REFUSED, false},
	{"read: opens it for writing", PROMISE_STDIO | PROMISE_READ, write_inside, ENDED_REFUSED, false},
	{"read: opens for writing what is named so", PROMISE_STDIO | PROMISE_READ, write_inside, ENDED_REFUSED, true},
	{"read: opens a socket", PROMISE_STDIO | PROMISE_READ, make_socket, ENDED_KILLED, false},
	{"read: runs a program", PROMISE_STDIO | PROMISE_READ, run_program, ENDED_KILLED, false},

	{"write: creates below what is named", PROMISE_STDIO | PROMISE_WRITE, create_inside, ENDED_WELL, true},
	{"write: writes, syncs, cuts", PROMISE_STDIO | PROMISE_WRITE, sync_inside, ENDED_WELL, true},
	{"write: creates elsewhere", PROMISE_STDIO | PROMISE_WRITE, create_outside, ENDED_REFUSED, true},
	{"write: reads elsewhere", PROMISE_STDIO | PROMISE_WRITE, read_passwords, ENDED_REFUSED, true},
	{"write: what is named for reading", PROMISE_STDIO | PROMISE_WRITE, write_inside, ENDED_REFUSED, false},
	{"write: opens a socket", PROMISE_STDIO | PROMISE_WRITE, make_socket, ENDED_KILLED, true},
	{"write: runs a program", PROMISE_STDIO | PROMISE_WRITE, run_program, ENDED_KILLED, true},

	{"inet: connects to the port named", PROMISE_STDIO | PROMISE_INET, connect_to_the_port_named, ENDED_WELL, false},
	{"inet: connects to another port", PROMISE_STDIO | PROMISE_INET, connect_to_another_port, ENDED_REFUSED, false},
	{"inet: goes round by a protocol beside TCP", PROMISE_STDIO | PROMISE_INET, make_multipath_socket, ENDED_KILLED, false},
	{"inet: binds", PROMISE_STDIO | PROMISE_INET, bind_a_port, ENDED_KILLED, false},
	{"inet: listens", PROMISE_STDIO | PROMISE_INET, listen_on_a_new_socket, ENDED_KILLED, false},
	{"inet: accepts", PROMISE_STDIO | PROMISE_INET, accept_one, ENDED_WELL, false},
	{"inet: opens a datagram socket", PROMISE_STDIO | PROMISE_INET, make_datagram_socket, ENDED_KILLED, false},
	{"inet: opens a Unix socket", PROMISE_STDIO | PROMISE_INET, make_unix_socket, ENDED_KILLED, false},
	{"inet: opens a file", PROMISE_STDIO | PROMISE_INET, read_inside, ENDED_KILLED, false},
	{"inet: runs a program", PROMISE_STDIO | PROMISE_INET, run_program, ENDED_KILLED, false},

	{"accept: accepts", PROMISE_STDIO | PROMISE_ACCEPT, accept_one, ENDED_WELL, false},
	{"accept: listens anew", PROMISE_STDIO | PROMISE_ACCEPT, listen_anew, ENDED_KILLED, false},
	{"accept: opens a socket", PROMISE_STDIO | PROMISE_ACCEPT, make_socket, ENDED_KILLED, false},
	{"accept: opens a file", PROMISE_STDIO | PROMISE_ACCEPT, read_inside, ENDED_KILLED, false},

	{"children: forks", PROMISE_STDIO | PROMISE_CHILDREN, fork_child, ENDED_WELL, false},
	{"children: runs a program", PROMISE_STDIO | PROMISE_CHILDREN, run_program, ENDED_KILLED, false},
	{"children: looks into its parent", PROMISE_STDIO | PROMISE_CHILDREN, trace_parent, ENDED_KILLED, false},
};

static enum ending deed_do(size_t i)
{
	struct promise_path paths[] = {{folder, deeds[i].writable}, {NULL, 0}};
	const uint16_t	    ports[] = {PORT_NAMED, 0};
	pid_t		    pid = fork();

	if (pid == 0) {
		if (promise(deeds[i].promises, paths, ports))
			_exit(99);
		_exit(deeds[i].deed() ? 0 : CODE_REFUSED);
	}
	return child_ending(pid);
}

static void test_each_promise_is_kept(void **state unused_arg)
{
	static const char *const names[] = {"worked", "was refused", "was killed", "ended in another way"};

	for (size_t i = 0; i < COUNT_OF(deeds); i++) {
		if (deeds[i].deed == connect_to_another_port && !promise_ports_available())
			continue;
		enum ending ending = deed_do(i);

		if (ending != deeds[i].ending)
			fail_msg("%s: it %s, and should be the one that %s", deeds[i].what, names[ending], names[deeds[i].ending]);
	}
	assert_int_not_equal(access("/tmp/mithaq-confine-must-not-be", F_OK), 0);
}

/* What the parent promised its children cannot widen, and they can promise less. */
static void test_a_child_of_the_parent_promises_less(void **state unused_arg)
{
	pid_t parent = fork();

	if (parent == 0) {
		if (promise(PROMISE_STDIO | PROMISE_READ | PROMISE_WRITE | PROMISE_INET | PROMISE_ACCEPT | PROMISE_CHILDREN, NULL, NULL))
			_exit(99);
		pid_t keeper = fork();
		if (keeper == 0) {
			if (promise(PROMISE_STDIO, NULL, NULL) || !ordinary_work())
				_exit(99);
			(void)make_socket();
			_exit(0);
		}
		_exit(child_ending(keeper) == ENDED_KILLED ? 0 : CODE_REFUSED);
	}
	assert_int_equal(child_ending(parent), ENDED_WELL);
}

/* It fails closed: a path that is not there is no promise. */
static void test_a_promise_that_cannot_be_made_is_an_error(void **state unused_arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		const struct promise_path paths[] = {{"/nowhere/at/all", 0}, {NULL, 0}};
		_exit(promise(PROMISE_STDIO | PROMISE_READ, paths, NULL) == ERR_SANDBOX ? 0 : CODE_REFUSED);
	}
	assert_int_equal(child_ending(pid), ENDED_WELL);
}

static int setup(void **state unused_arg)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)snprintf(folder, sizeof folder, "/tmp/mithaq-confine-XXXXXX");
	if (crypto_start() || !mkdtemp(folder))
		return -1;
	(void)snprintf(inside, sizeof inside, "%s/inside", folder);
	(void)snprintf(outside, sizeof outside, "%s.outside", folder);
	int a = open(inside, O_WRONLY | O_CREAT, 0600), b = open(outside, O_WRONLY | O_CREAT, 0600);
	if (a < 0 || b < 0)
		return -1;
	close(a);
	close(b);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	return bind(listening, (struct sockaddr *)&at, sizeof at) == 0 && listen(listening, 1) == 0 ? 0 : -1;
}

static int teardown(void **state unused_arg)
{
	close(listening);
	(void)unlink(inside);
	(void)unlink(outside);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_promise_is_kept),
		cmocka_unit_test(test_a_child_of_the_parent_promises_less),
		cmocka_unit_test(test_a_promise_that_cannot_be_made_is_an_error),
	};

	if (!promise_available()) {
		(void)printf("skipped: this build or this kernel cannot confine a process\n");
		return 77;
	}
	return cmocka_run_group_tests_name("confine/promise", tests, setup, teardown);
}
