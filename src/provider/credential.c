#include "provider/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

static void fd_done(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* The service manager's folder is ours alone and shows its files with an ACL's mask as mode. */
static bool given_by_systemd(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t	    n = folder != NULL ? strlen(folder) : 0;

	return n > 0 && strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* Root may read what belongs to the service whose home it is. */
static bool mode_ok(const char *path, const struct stat *about)
{
	if (given_by_systemd(path))
		return (about->st_mode & S_IRWXO) == 0;
	return (about->st_mode & (S_IRWXG | S_IRWXO | S_IXUSR)) == 0 && (about->st_uid == geteuid() || about->st_uid == 0 || geteuid() == 0);
}

static int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static enum err file_open(const char *path, int *out, struct fault *fault)
{
	scoped(fd_done) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat	    about;

	if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
		return fault_at(fault, ERR_FILE, 0, path, strerror(fd < 0 ? errno : EINVAL), "put the secret there, alone on one line, mode 0600",
				"ضع السر هناك وحده في سطر واحد، بوضع 0600");
	if (!mode_ok(path, &about))
		return fault_at(fault, ERR_MODE, 0, path, "", "chmod 0600, and the owner that runs the gateway",
				"غيّر وضعه إلى 0600 ومالكه إلى مستخدم البوابة");
	*out = fd_take(&fd);
	return ERR_OK;
}

/* One line of what can stand in a header or a connection string, its newline taken off; 0: it is not that. */
static size_t line_length(const char *text, size_t n)
{
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0 && text[n - 1] == '\r')
		n--;
	for (size_t i = 0; i < n; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return 0;
	return n <= CREDENTIAL_MOST ? n : 0;
}

static enum err line_read(int fd, const char *path, char out[CREDENTIAL_MOST + 1], struct fault *fault)
{
	char	text[CREDENTIAL_MOST + 3];
	ssize_t got = read(fd, text, sizeof text);
	size_t	n = got > 0 ? line_length(text, (size_t)got) : 0;

	if (n > 0) {
		memcpy(out, text, n);
		out[n] = '\0';
	}
	secret_zero(text, sizeof text);
	if (n > 0)
		return ERR_OK;
	return fault_at(fault, ERR_VALUE, 0, path, "", "one line of at most 4,096 visible ASCII characters, without spaces",
			"سطر واحد من 4096 حرف ASCII مرئي على الأكثر، بلا مسافات");
}

enum err credential_read(const struct config *config, const char *name, char out[CREDENTIAL_MOST + 1], struct fault *fault)
{
	scoped(fd_done) int fd = -1;
	char		    path[CONFIG_PATH_MOST];

	if (config_credential_path(config, name, path) != ERR_OK)
		return fault_at(fault, ERR_TOO_LONG, 0, name, "", "", "");
	enum err e = file_open(path, &fd, fault);
	return e == ERR_OK ? line_read(fd, path, out, fault) : e;
}
