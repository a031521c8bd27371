/*
 * home.c: the files in a party's home that people may have edited: the configuration,
 * a token, a key. Input: u8 which | content. An accepted key is written again byte for
 * byte, an accepted token says the same when it is written again; an accepted
 * configuration keeps what config.h promises, and a refused one can be told in both
 * languages.
 */
#include "base/text.h"
#include "folder.h"
#include "proc/config.h"
#include "proc/files.h"
#include "proc/tokens.h"

#define HASH_HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"mithaq.yaml", "tokens/" HASH_HEX, "again/" HASH_HEX, "tokens", "again", "key", "key-again"};

static bool is_text(const char *text)
{
	return text == NULL || text_check(bytes_text(text), TEXT_LINE) == ERR_OK;
}

static void provider_judge(const struct config_provider *p)
{
	bool sql = p->source == SOURCE_SQLITE || p->source == SOURCE_ODBC;

	must(is_text(p->clause) && p->timeout_ms >= 1 && p->timeout_ms <= CONFIG_TIMEOUT_MOST_MS);
	must((p->source == SOURCE_SQLITE) == (p->sqlite != NULL) && (p->source == SOURCE_ODBC) == (p->odbc != NULL));
	must((p->source == SOURCE_HTTP) == (p->http != NULL) && sql == (p->statement != NULL));
	for (unsigned i = 0; i < p->nanswers; i++)
		must(is_text(p->answer[i].field) && (p->answer[i].from != NULL) != (p->answer[i].value != NULL));
}

static void config_check(const struct config *c)
{
	char	 host[CONFIG_ADDRESS_MOST];
	uint16_t port;

	must(c->party != NULL && party_name_check(bytes_text(c->party)) == ERR_OK);
	must(c->npartners <= CONFIG_PARTNERS_MOST && c->nproviders <= CONFIG_PROVIDERS_MOST);
	must(c->api_listen == NULL || address_split(c->api_listen, host, &port) == ERR_OK);
	for (unsigned i = 0; i < c->npartners; i++) {
		must(party_name_check(bytes_text(c->partner[i].name)) == ERR_OK);
		must(c->partner[i].dial == NULL || address_split(c->partner[i].dial, host, &port) == ERR_OK);
		must(c->partner[i].listen == NULL || address_split(c->partner[i].listen, host, &port) == ERR_OK);
	}
	for (unsigned i = 0; i < c->nproviders; i++)
		provider_judge(&c->provider[i]);
	for (unsigned i = 0; i < c->nwebhooks; i++)
		must(is_text(c->webhook[i].url) && name_check(bytes_text(c->webhook[i].secret)) == ERR_OK &&
		     c->webhook[i].ntypes <= CONFIG_TYPES_MOST);
}

static void config_try(struct bytes content)
{
	static struct config c;
	struct fault	     fault = {0};
	char		     line[1024];

	folder_put("mithaq.yaml", content);
	config_places(&c, folder.path);
	if (config_read(&c, &fault) == ERR_OK)
		config_check(&c);
	else
		for (unsigned lang = 0; lang < 2; lang++)
			fault_print(&fault, "mithaq.yaml", (enum lang)lang, line, sizeof line);
	config_done(&c);
}

/* Its time may have been written without milliseconds, so not the text but what it says is compared. */
static void token_again_check(const struct token *t)
{
	struct tokens again = {0};
	unsigned      skipped = 0;

	must(tokens_load(folder_path("again"), &again, &skipped) == ERR_OK && again.n == 1);
	must(strcmp(again.at[0].account, t->account) == 0 && strcmp(again.at[0].clauses, t->clauses) == 0);
	must(again.at[0].created_ms == t->created_ms && hash_equal(&again.at[0].hash, &t->hash));
	tokens_done(&again);
}

static void token_try(struct bytes content)
{
	struct tokens tokens = {0};
	unsigned      skipped = 0;

	folder_put("tokens/" HASH_HEX, content);
	must(tokens_load(folder_path("tokens"), &tokens, &skipped) == ERR_OK && tokens.n + skipped == 1);
	if (tokens.n == 1) {
		(void)token_permits(&tokens.at[0], bytes_text("customs/declaration-status"));
		(void)unlink(folder_path("again/" HASH_HEX));
		must(token_store(folder_path("again"), &tokens.at[0]) == ERR_OK);
		token_again_check(&tokens.at[0]);
	}
	tokens_done(&tokens);
}

static void key_try(struct bytes content)
{
	struct sign_key key;
	struct fault	fault = {0};

	folder_put("key", content);
	if (key_file_read(folder_path("key"), &key, &fault) != ERR_OK)
		return;
	(void)unlink(folder_path("key-again"));
	must(key_file_write_new(folder_path("key-again"), key.secret) == ERR_OK); /* libsodium's form begins with the seed */
	must(folder_has("key-again", content));
	sign_key_done(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct bytes) = {config_try, token_try, key_try};

	if (size == 0 || size > (1u << 20) || crypto_start() != ERR_OK)
		return 0;
	folder_open(names, COUNT_OF(names));
	(void)mkdir(folder_path("tokens"), 0700);
	(void)mkdir(folder_path("again"), 0700);
	readers[data[0] % COUNT_OF(readers)](bytes_of(data + 1, size - 1));
	return 0;
}
