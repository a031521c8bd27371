/* parent_certificate.c: the renewed certificate of the api, opened for the desk, which may open no file but tokens. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gateway/parent.h"

/* False, with words in the journal, when the file cannot be opened. */
static bool part_hand(struct child *desk, enum certificate_part part, const char *path)
{
	uint8_t payload = (uint8_t)part;
	int	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		journal(LEVEL_ERROR, "api-certificate", "%s: %s; the certificate before it stays in use", path, strerror(errno));
		return false;
	}
	(void)pipe_send(desk->control, CONTROL_CERTIFICATE, bytes_of(&payload, 1), fd);
	pipe_flush(desk->control);
	return true;
}

void certificate_hand(struct child *desk)
{
	const struct config *c = desk->parent->config;

	if (!child_is_running(desk) || !desk->control || !c->api_listen || !c->api_certificate)
		return;
	/* The chain last: without it the desk takes nothing up, and a key alone is none. */
	if (c->api_key && !part_hand(desk, CERTIFICATE_KEY, c->api_key))
		return;
	(void)part_hand(desk, CERTIFICATE_CHAIN, c->api_certificate);
}
