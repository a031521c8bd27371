/*
 * hello.h: frame 01 HELLO, the first frame of each side in a session.
 *
 *   u16 protocol min | u16 protocol max | u32 features | session[16] | u8 lane (0 log, 1 bulk)
 *   | u16 length, party name | u64 card serial | u32 length, cards (0: not sent)
 *   | u16 n, n x agreement hash[32]
 *   | u16 n, n x own log   { u16 length, origin | u8 state (0 open, 1 closed) | u64 size | root[32] }
 *   | u16 n, n x peer log  { u16 length, origin | u64 size | root[32] }
 *
 * Own logs stand in epoch order per channel, the open one last. A frame that
 * speaks of a log names its place in the table of own logs of the log's author.
 */
#ifndef MITHAQ_WIRE_HELLO_H
#define MITHAQ_WIRE_HELLO_H

#include "crypto/hash.h"
#include "wire/frame.h"

#define PROTOCOL_VERSION      1
#define HELLO_LOGS_MOST	      128
#define HELLO_AGREEMENTS_MOST 256
#define HELLO_ORIGIN_MOST     260
#define HELLO_CARD_MOST	      16384
#define SESSION_SIZE	      16

struct hello_log {
	struct bytes origin;
	uint8_t	     state; /* own logs only */
	uint64_t     size;
	struct hash  root;
};

struct hello {
	uint16_t	 protocol_min, protocol_max;
	uint32_t	 features;
	uint8_t		 session[SESSION_SIZE];
	uint8_t		 lane;
	struct bytes	 party;
	uint64_t	 card_serial;
	struct bytes	 card;
	unsigned	 nagreements;
	struct hash	 agreement[HELLO_AGREEMENTS_MOST];
	unsigned	 nown;
	struct hello_log own[HELLO_LOGS_MOST];
	unsigned	 npeer;
	struct hello_log peer[HELLO_LOGS_MOST];
};

/*
 * The cards of a HELLO: rows { u32 length, signed note }, ascending by serial, that of
 * card_serial last. The row's form only; what a card says is not looked at. ERR_OK with an
 * empty note: that was the last.
 */
void	 hello_card_add(struct builder *b, struct bytes note);
enum err hello_card_next(struct bytes *rows, struct bytes *note) must_use;

void	 hello_frame_write(struct builder *b, const struct hello *h);
enum err hello_frame_read(struct bytes payload, struct hello *out) must_use; /* *out is large: keep it off the stack */

#endif
