/* files.c: whole small files, written atomically; secrets with their mode. */
#include "proc/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"

#define KEY_FIRST_WORDS "mithaq-key/1 ed25519 "
#define KEY_LINE_MOST	128

static void fd_close(const int *fd)
{
	int kept = errno;

	if (*fd >= 0)
		close(*fd);
	errno = kept;
}

#define scoped_fd scoped(fd_close) int

/* ---- reading ---- */

/* O_NONBLOCK: a named pipe in the place of a file must not hold us. */
static int file_open(const char *path, struct stat *about)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, about) != 0)
		return fd;
	if (S_ISREG(about->st_mode))
		return fd;
	close(fd);
	errno = S_ISDIR(about->st_mode) ? EISDIR : EINVAL;
	return -1;
}

/* Appends all of it, by the bytes read and not by the size told: a file may grow meanwhile. */
static enum err file_take(int fd, struct buffer *out)
{
	for (;;) {
		uint8_t piece[4096];
		ssize_t n = read(fd, piece, sizeof piece);

		if (n < 0 && errno == EINTR)
			continue;
		enum err e = n < 0 ? ERR_FILE : n > 0 ? buffer_add(out, bytes_of(piece, (size_t)n)) : ERR_OK;
		secret_zero(piece, sizeof piece);
		if (e || n == 0)
			return e;
	}
}

static enum err file_take_whole(int fd, struct buffer *out)
{
	size_t	 before = out->n;
	enum err e = file_take(fd, out);

	if (e)
		out->n = before;
	return e;
}

enum err file_read(const char *path, struct buffer *out)
{
	struct stat about;
	scoped_fd   fd = file_open(path, &about);

	return fd < 0 ? ERR_FILE : file_take_whole(fd, out);
}

/* ---- writing ---- */

static enum err write_all(int fd, struct bytes v)
{
	while (v.n > 0) {
		ssize_t n = write(fd, v.at, v.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_FILE;
		v = bytes_of(v.at + n, v.n - (size_t)n);
	}
	return ERR_OK;
}

/* A name beside `path` that nobody else has. */
static enum err temporary_name(const char *path, char out[PATH_MAX])
{
	uint8_t random[8];
	char	hex[2 * sizeof random + 1];

	random_bytes(random, sizeof random);
	hex_write(random, sizeof random, hex);
	int n = snprintf(out, PATH_MAX, "%s.%s.new", path, hex);
	return n < 0 || n >= PATH_MAX ? ERR_TOO_LONG : ERR_OK;
}

/* The owner of the folder that `path` stands in. */
static bool folder_about(const char *path, struct stat *about)
{
	char copy[PATH_MAX];

	return snprintf(copy, sizeof copy, "%s", path) < PATH_MAX && stat(dirname(copy), about) == 0;
}

/* A file system that knows no owners keeps it root's; whoever cannot read it then says so. */
void owner_give(int fd, const char *path)
{
	struct stat folder;
	int	    kept = errno;

	if (geteuid() == 0 && folder_about(path, &folder) && fchown(fd, folder.st_uid, folder.st_gid) != 0)
		errno = kept;
}

static enum err temporary_write(const char *name, struct bytes content, unsigned mode)
{
	scoped_fd fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return ERR_FILE;
	owner_give(fd, name);
	enum err e = write_all(fd, content);
	if (e)
		return e;
	return fchmod(fd, (mode_t)mode) == 0 && fsync(fd) == 0 ? ERR_OK : ERR_FILE;
}

/* A rename is durable when its folder is. */
enum err folder_sync(const char *path)
{
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof copy, "%s", path) >= PATH_MAX)
		return ERR_TOO_LONG;
	scoped_fd fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? ERR_OK : ERR_FILE;
}

/* link(2) puts the file in place only where none stands; rename(2) replaces it. */
static enum err file_place(const char *temporary, const char *path, bool replace)
{
	if (replace)
		return rename(temporary, path) == 0 ? ERR_OK : ERR_FILE;
	if (link(temporary, path) != 0)
		return errno == EEXIST ? ERR_EXISTS : ERR_FILE;
	return unlink(temporary) == 0 ? ERR_OK : ERR_FILE;
}

static enum err file_put(const char *path, struct bytes content, unsigned mode, bool replace)
{
	char	 temporary[PATH_MAX];
	enum err e = temporary_name(path, temporary);

	if (e)
		return e;
	e = temporary_write(temporary, content, mode);
	if (!e)
		e = file_place(temporary, path, replace);
	if (!e)
		return folder_sync(path);
	int kept = errno;
	(void)unlink(temporary);
	errno = kept;
	return e;
}

enum err file_write(const char *path, struct bytes content, unsigned mode)
{
	return file_put(path, content, mode, true);
}

enum err file_write_new(const char *path, struct bytes content, unsigned mode)
{
	return file_put(path, content, mode, false);
}

int folder_make_private(const char *path)
{
	if (mkdir(path, 0700) != 0)
		return -1;
	scoped_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		owner_give(fd, path);
	return 0;
}

/* ---- keys ---- */

static enum err key_fault(struct fault *fault, enum err e, const char *found, const char *help, const char *help_ar)
{
	return fault_at(fault, e, 0, "", found, help, help_ar);
}

#define KEY_OWNER_HELP	  "give the file to the user that runs mithaq: chown"
#define KEY_OWNER_HELP_AR "اجعل الملف ملكًا للمستخدم الذي يشغّل ميثاق: chown"

/* Ours; or, for root at work in the home of a service, the service's. */
static bool key_owner_fits(const char *path, const struct stat *about)
{
	struct stat folder;

	if (about->st_uid == geteuid())
		return true;
	return geteuid() == 0 && folder_about(path, &folder) && folder.st_uid == about->st_uid;
}

static enum err key_mode_check(const char *path, const struct stat *about, struct fault *fault)
{
	mode_t mode = about->st_mode & 07777;
	char   found[16];

	if (!key_owner_fits(path, about)) {
		(void)snprintf(found, sizeof found, "uid %u", (unsigned)about->st_uid);
		return key_fault(fault, ERR_MODE, found, KEY_OWNER_HELP, KEY_OWNER_HELP_AR);
	}
	if (mode == 0600 || mode == 0400)
		return ERR_OK;
	(void)snprintf(found, sizeof found, "%04o", (unsigned)mode);
	return key_fault(fault, ERR_MODE, found, "if nobody else can have read it: chmod 600; else make a new key",
			 "إن تأكدت أن أحدًا لم يقرأه: chmod 600، وإلا فأنشئ مفتاحًا جديدًا");
}

static enum err key_parse(struct bytes text, uint8_t seed[SIGN_SEED])
{
	struct cursor c = cursor_on(text);
	struct bytes  line = cursor_line(&c);
	struct cursor words = cursor_on(line);
	struct bytes  first = cursor_take(&words, strlen(KEY_FIRST_WORDS));
	size_t	      n = SIGN_SEED;

	if (cursor_end(&c) || cursor_err(&words) || !bytes_is(first, KEY_FIRST_WORDS))
		return ERR_MALFORMED;
	enum err e = base64_read(cursor_rest(&words), seed, &n);
	return e ? e : n == SIGN_SEED ? ERR_OK : ERR_MALFORMED;
}

static enum err key_take(int fd, struct sign_key *out, struct fault *fault)
{
	struct buffer text = {.most = KEY_LINE_MOST};
	uint8_t	      seed[SIGN_SEED + 4];		     /* base 64 is decoded by threes */
	enum err      e = buffer_room(&text, KEY_LINE_MOST); /* at once: growing would leave copies behind */

	if (!e)
		e = file_take_whole(fd, &text);
	if (!e)
		e = key_parse(buffer_bytes(&text), seed);
	if (!e)
		sign_key_from_seed(out, seed);
	secret_zero(seed, sizeof seed);
	if (text.at)
		secret_zero(text.at, text.room);
	buffer_done(&text);
	if (!e)
		return ERR_OK;
	/* What was found stays unsaid: it may be most of a secret. */
	return key_fault(fault, e, "", "a key file is one line: " KEY_FIRST_WORDS "and 44 characters of base 64",
			 "ملف المفتاح سطر واحد: " KEY_FIRST_WORDS "ثم 44 محرفًا من base64");
}

/* After a restore a ledger is there and the keys are not: other keys would be another party. */
#define KEY_MISSING_HELP    "put it back from where copies of the keys are kept; only a party that has no ledger yet makes keys, by `mithaq init`"
#define KEY_MISSING_HELP_AR "أعد المفتاح من حيث تُحفظ نسخ المفاتيح؛ ولا ينشئ مفاتيح بالأمر «mithaq init» إلا طرف لا سجل له بعد"

enum err key_file_read(const char *path, struct sign_key *out, struct fault *fault)
{
	struct stat about;
	scoped_fd   fd = file_open(path, &about);

	if (fd < 0 && errno == EACCES)
		return key_fault(fault, ERR_FILE, strerror(errno), KEY_OWNER_HELP, KEY_OWNER_HELP_AR);
	if (fd < 0)
		return key_fault(fault, ERR_FILE, strerror(errno), KEY_MISSING_HELP, KEY_MISSING_HELP_AR);
	enum err e = key_mode_check(path, &about, fault);
	return e ? e : key_take(fd, out, fault);
}

enum err key_file_write_new(const char *path, const uint8_t seed[SIGN_SEED])
{
	char	       line[KEY_LINE_MOST];
	char	       text[BASE64_SIZE(SIGN_SEED)];
	struct builder b = builder_on(line, sizeof line);

	base64_write(bytes_of(seed, SIGN_SEED), text);
	build_text(&b, KEY_FIRST_WORDS);
	build_text(&b, text);
	build_text(&b, "\n");
	enum err e = b.err ? b.err : file_write_new(path, builder_bytes(&b), 0600);
	secret_zero(line, sizeof line);
	secret_zero(text, sizeof text);
	return e;
}
