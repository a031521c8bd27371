#include "net/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/text.h"

/* ---- lists in header fields ---- */

static bool space(char c)
{
	return c == ' ' || c == '\t';
}

/* The next item of a comma-separated list, without surrounding space; false at the end. */
static bool item_next(const char **at, struct bytes *item)
{
	while (space(**at) || **at == ',')
		(*at)++;
	if (**at == '\0')
		return false;
	size_t n = strcspn(*at, ",");
	*item = bytes_of(*at, n);
	*at += n;
	while (item->n > 0 && space((char)item->at[item->n - 1]))
		item->n--;
	return true;
}

static bool begins(struct bytes v, const char *with)
{
	size_t n = strlen(with);

	return v.n >= n && strncasecmp((const char *)v.at, with, n) == 0;
}

/* q in thousandths: "ar;q=0.8" gives 800, without one 1000. */
static unsigned quality(struct bytes item)
{
	static const unsigned weight[] = {1000, 0, 100, 10, 1};
	size_t		      i = 0;
	unsigned	      q = 0;

	while (i + 3 <= item.n && strncasecmp((const char *)item.at + i, ";q=", 3) != 0)
		i++;
	if (i + 3 > item.n)
		return 1000;
	for (size_t digit = 0; digit < COUNT_OF(weight) && i + 3 + digit < item.n; digit++) {
		uint8_t c = item.at[i + 3 + digit];

		if (c >= '0' && c <= '9')
			q += (unsigned)(c - '0') * weight[digit];
		else if (c != '.' || digit != 1)
			break;
	}
	return q > 1000 ? 1000 : q;
}

/* "ar", "ar-KW" and "ar;q=1" name Arabic; "arc" does not. */
static bool names(struct bytes item, const char *lang)
{
	return begins(item, lang) && (item.n == 2 || item.at[2] == '-' || item.at[2] == ';' || space((char)item.at[2]));
}

enum lang http_language(const char *accept_language)
{
	const char  *at = accept_language != NULL ? accept_language : "";
	unsigned     ar = 0, en = 0;
	struct bytes item;

	while (item_next(&at, &item)) {
		unsigned q = quality(item);

		if (names(item, "ar") && q > ar)
			ar = q;
		if (names(item, "en") && q > en)
			en = q;
	}
	return ar > en ? LANG_AR : LANG_EN;
}

unsigned http_wait(const char *prefer, unsigned otherwise)
{
	const char  *at = prefer != NULL ? prefer : "";
	struct bytes item;
	uint64_t     seconds;

	while (item_next(&at, &item)) {
		if (!begins(item, "wait="))
			continue;
		if (decimal_read(bytes_of(item.at + 5, item.n - 5), &seconds) != ERR_OK)
			continue;
		return seconds > HTTP_WAIT_MOST ? HTTP_WAIT_MOST : (unsigned)seconds;
	}
	return otherwise;
}

struct bytes http_bearer(const char *authorization)
{
	if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
		return BYTES_NONE;
	return bytes_text(authorization + 7);
}

bool http_is_json(const char *content_type)
{
	static const char type[] = "application/json";

	if (content_type == NULL || strncasecmp(content_type, type, sizeof type - 1) != 0)
		return false;
	const char *rest = content_type + sizeof type - 1;
	while (space(*rest) || *rest == ';')
		rest++;
	return *rest == '\0' || strcasecmp(rest, "charset=utf-8") == 0;
}

/* ":7171", or a port left empty. */
static bool is_port(const char *v)
{
	return *v == ':' && v[1 + strspn(v + 1, "0123456789")] == '\0';
}

bool http_host_is_local(const char *host)
{
	static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; host != NULL && i < COUNT_OF(local); i++) {
		size_t n = strlen(local[i]);

		if (strncasecmp(host, local[i], n) == 0 && (host[n] == '\0' || is_port(host + n)))
			return true;
	}
	return false;
}

/* ---- the client ---- */

static void fd_done(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static enum err dial(const char *path, unsigned patience_s, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval	   wait = {.tv_sec = (time_t)patience_s};

	if (strlen(path) >= sizeof address.sun_path)
		return ERR_TOO_LONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_NETWORK;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return ERR_NETWORK;
	}
	*out = fd;
	return ERR_OK;
}

/* What goes into the head must not be able to end it. */
static bool head_safe(const char *v)
{
	for (; v != NULL && *v != '\0'; v++)
		if (*v < 0x21 || *v > 0x7e)
			return false;
	return true;
}

static enum err question_write(const struct http_question *q, struct buffer *out)
{
	enum err e = buffer_format(out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Language: %s\r\n", q->method, q->target,
				   q->lang == LANG_AR ? "ar" : "en");

	if (e == ERR_OK && q->token != NULL)
		e = buffer_format(out, "Authorization: Bearer %s\r\n", q->token);
	if (e == ERR_OK && q->key != NULL)
		e = buffer_format(out, "Idempotency-Key: %s\r\n", q->key);
	if (e == ERR_OK && q->wait > 0)
		e = buffer_format(out, "Prefer: wait=%u\r\n", q->wait);
	if (e == ERR_OK && q->body.n > 0)
		e = buffer_format(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", q->body.n);
	if (e == ERR_OK)
		e = buffer_format(out, "\r\n");
	return e == ERR_OK && q->body.n > 0 ? buffer_add(out, q->body) : e;
}

static enum err send_all(int fd, struct bytes v)
{
	while (v.n > 0) {
		ssize_t n = send(fd, v.at, v.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_NETWORK;
		v = bytes_of(v.at + n, v.n - (size_t)n);
	}
	return ERR_OK;
}

static enum err read_all(int fd, struct buffer *out)
{
	for (;;) {
		enum err e = buffer_room(out, 16384);
		if (e != ERR_OK)
			return e;
		ssize_t n = recv(fd, out->at + out->n, 16384, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_NETWORK;
		if (n == 0)
			return ERR_OK;
		out->n += (size_t)n;
	}
}

/* A line up to CR LF. */
static struct bytes head_line(struct cursor *c)
{
	struct bytes line = cursor_line(c);

	if (line.n == 0 || line.at[line.n - 1] != '\r') {
		cursor_fail(c, ERR_MALFORMED);
		return BYTES_NONE;
	}
	return bytes_of(line.at, line.n - 1);
}

static enum err status_read(struct bytes line, unsigned *status)
{
	uint64_t n;

	if (line.n < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 || line.at[8] != ' ' || (line.n > 12 && line.at[12] != ' '))
		return ERR_MALFORMED;
	if (decimal_read(bytes_of(line.at + 9, 3), &n) != ERR_OK || n < 100 || n > 599)
		return ERR_MALFORMED;
	*status = (unsigned)n;
	return ERR_OK;
}

enum err http_head_read(struct bytes raw, unsigned *status, size_t *body_at, size_t *length)
{
	static const char name[] = "content-length:";
	struct cursor	  c = cursor_on(raw);
	unsigned	  found;
	uint64_t	  n = 0;
	struct bytes	  line = head_line(&c);

	if (cursor_err(&c) != ERR_OK || status_read(line, &found) != ERR_OK)
		return ERR_MALFORMED;
	for (;;) {
		line = head_line(&c);
		if (cursor_err(&c) != ERR_OK)
			return ERR_MALFORMED;
		if (line.n == 0)
			break;
		if (!begins(line, name))
			continue;
		struct bytes value = bytes_of(line.at + sizeof name - 1, line.n - (sizeof name - 1));
		while (value.n > 0 && space((char)value.at[0]))
			value = bytes_of(value.at + 1, value.n - 1);
		if (decimal_read(value, &n) != ERR_OK || n > HTTP_ANSWER_MOST)
			return ERR_MALFORMED;
	}
	*status = found;
	*body_at = raw.n - cursor_left(&c);
	*length = (size_t)n;
	return ERR_OK;
}

static enum err answer_read(struct http_answer *a)
{
	size_t	 at, length;
	enum err e = http_head_read(buffer_bytes(&a->raw), &a->status, &at, &length);

	if (e != ERR_OK)
		return e;
	if (a->raw.n - at != length)
		return ERR_NETWORK;
	a->body = bytes_of(a->raw.at + at, length);
	return ERR_OK;
}

enum err http_ask(const char *socket_path, const struct http_question *q, struct http_answer *out)
{
	scoped(fd_done) int		  fd = -1;
	scoped(buffer_done) struct buffer question = {.most = HTTP_HEADERS_MOST + 65536};
	struct http_answer		  a = {.raw = {.most = HTTP_ANSWER_MOST}};

	if (!head_safe(q->target) || !head_safe(q->token) || !head_safe(q->key))
		return ERR_VALUE;
	enum err e = question_write(q, &question);
	if (e == ERR_OK)
		e = dial(socket_path, q->patience_s, &fd);
	if (e == ERR_OK)
		e = send_all(fd, buffer_bytes(&question));
	if (e == ERR_OK)
		e = read_all(fd, &a.raw);
	if (e == ERR_OK)
		e = answer_read(&a);
	if (e != ERR_OK) {
		http_answer_done(&a);
		return e;
	}
	*out = a;
	return ERR_OK;
}

void http_answer_done(struct http_answer *a)
{
	buffer_done(&a->raw);
	a->body = BYTES_NONE;
}
