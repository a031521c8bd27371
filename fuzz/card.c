/*
 * card.c: party cards from anybody. The first byte chooses: 0 reads the rest as a
 * signed card; 1 signs the rest with a key whose public half may stand on it, so
 * that the fuzzer reaches accepted cards. What is accepted is written back
 * byte for byte.
 */
#include <stdlib.h>

#include "agreement/card.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_card(struct bytes wire)
{
	struct card  card;
	struct fault fault;
	struct note  note;
	uint8_t	     memory[CARD_MOST];

	if (card_read(wire, &card, &fault) != ERR_OK)
		return;
	struct builder b = builder_on(memory, sizeof memory);
	card_write(&b, &card);
	must(b.err == ERR_OK && note_read(wire, &note) == ERR_OK && bytes_equal(note.text, builder_bytes(&b)));
	must(card_log_key(&card, card.log[0].channel) != NULL);
	char fingerprint[80];
	card_fingerprint(&card, fingerprint);
	must(strlen(fingerprint) == 79);
}

/* The name is the card's own second line, "party NAME". */
static void sign_and_read(struct bytes text)
{
	static const uint8_t seed[SIGN_SEED] = {1};
	uint8_t		     memory[2 * CARD_MOST];
	struct builder	     b = builder_on(memory, sizeof memory);
	struct sign_key	     key;
	struct signature     sig;
	const uint8_t	    *party = text.n == 0 ? NULL : memmem(text.at, text.n, "\nparty ", 7);
	const uint8_t	    *end = party == NULL ? NULL : memchr(party + 7, '\n', (size_t)(text.at + text.n - party) - 7);
	char		     name[PARTY_MOST + 8];

	if (end == NULL || end - party - 7 > PARTY_MOST)
		return;
	size_t n = (size_t)(end - party) - 7;
	memcpy(name, party + 7, n);
	memcpy(name + n, "/root", 6);
	sign_key_from_seed(&key, seed);
	note_sign(&key, text, &sig);
	build_bytes(&b, text);
	build_text(&b, "\n");
	note_line_ed25519(&b, bytes_of(name, n + 5), &key.pub, &sig);
	if (b.err == ERR_OK)
		read_card(builder_bytes(&b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (crypto_start() != ERR_OK || size < 1)
		return 0;
	if (data[0] == 1)
		sign_and_read(bytes_of(data + 1, size - 1));
	else
		read_card(bytes_of(data + 1, size - 1));
	return 0;
}
