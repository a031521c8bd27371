/*
 * core_alarm.c: alarms as files: what froze a channel is kept, shown to the partner, and still holds after a restart.
 *
 *   data/alarms/<time>_<partner>_<channel>_<code>.alarm     ours: the channel stays frozen while it is there
 *   data/alarms/<the same>.said                             what a partner's ALARM frame said: kept, not believed
 *
 * `mithaq alarm release` renames the first kind; the next start then opens the channel again.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "evidence/alarm.h"
#include "gateway/core.h"
#include "proc/files.h"

#define ALARM_FOLDER	 "alarms"
#define ALARM_ENDING	 ".alarm"
#define SAID_ENDING	 ".said"
#define SAID_BYTES_MOST	 (CORE_ALARMS_SAID_MOST * ALARM_FILE_MOST)
#define ALARM_FRAME_MOST (FRAME_HEAD + 2 + 2 * (4 + ALARM_NOTE_MOST))

/* ---- the folder ---- */

static enum err alarm_path(const struct core *c, const char *name, char out[CONFIG_PATH_MOST])
{
	char rest[ALARM_NAME_MOST + sizeof ALARM_FOLDER + sizeof SAID_ENDING + 1];

	snprintf(rest, sizeof rest, "%s%s%s", ALARM_FOLDER, *name ? "/" : "", name);
	return config_data_path(c->process->config, rest, out);
}

static bool ends_in(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n > m && strcmp(name + n - m, ending) == 0;
}

typedef void each_alarm_fn(void *arg, const char *name, const struct alarm *a, size_t size); /* `a` NULL: it cannot be read */

static void alarm_visit(const char *path, const char *name, each_alarm_fn *each, void *arg)
{
	struct buffer file = {.most = ALARM_FILE_MOST};
	struct alarm  a;
	bool	      read = file_read(path, &file) == ERR_OK && alarm_read(buffer_bytes(&file), &a, NULL) == ERR_OK;

	each(arg, name, read ? &a : NULL, file.n);
	buffer_done(&file);
}

/* Every file of the folder with this ending; a folder that is not there holds nothing. */
static enum err alarms_each(const struct core *c, const char *ending, each_alarm_fn *each, void *arg)
{
	char	       path[CONFIG_PATH_MOST];
	struct dirent *entry;
	enum err       e = alarm_path(c, "", path);
	DIR	      *folder = e == ERR_OK ? opendir(path) : NULL;

	if (folder == NULL)
		return e != ERR_OK ? e : errno == ENOENT ? ERR_OK : ERR_FILE;
	while ((entry = readdir(folder)) != NULL)
		if (strlen(entry->d_name) < ALARM_NAME_MOST + sizeof SAID_ENDING && ends_in(entry->d_name, ending) &&
		    alarm_path(c, entry->d_name, path) == ERR_OK)
			alarm_visit(path, entry->d_name, each, arg);
	closedir(folder);
	return ERR_OK;
}

/* ---- a note from a head ---- */

static struct bytes note_make(uint8_t memory[static ALARM_NOTE_MOST], const struct checkpoint *head, const struct public_key *key,
			      const struct signature *sig)
{
	struct builder b = builder_on(memory, ALARM_NOTE_MOST);

	checkpoint_write(&b, head);
	build_text(&b, "\n");
	note_line_ed25519(&b, bytes_text(head->origin), key, sig);
	return b.err == ERR_OK ? builder_bytes(&b) : BYTES_NONE;
}

/* The key of the newest card in the ring by which this verifies, and the card's place; NULL: by none. */
static const struct public_key *signer(const struct keyring *ring, const char *channel, const struct checkpoint *head, const struct signature *sig,
				       unsigned *card)
{
	for (unsigned i = ring->n; i-- > 0;) {
		const struct public_key *key = card_log_key(ring->card[i], channel);

		if (key == NULL || checkpoint_verify(key, head, sig) != ERR_OK)
			continue;
		if (card != NULL)
			*card = i;
		return key;
	}
	return NULL;
}

static struct bytes note_in_use(const struct keyring *ring)
{
	return keyring_note(ring, ring->n - 1);
}

/* The partner's checkpoint of exactly this size, or with `exactly` false the largest up to it, as the ledger holds it. */
static struct bytes note_held(struct core *c, struct core_channel *ch, const struct epoch *epoch, uint64_t size, bool exactly,
			      uint8_t memory[static ALARM_NOTE_MOST])
{
	const struct public_key *key;
	struct origin		 o = {.epoch = *epoch};
	struct checkpoint	 head;
	struct checkpoint_head	 held;
	struct log_row		 row;

	snprintf(o.author, sizeof o.author, "%s", ch->partner->name);
	snprintf(o.reader, sizeof o.reader, "%s", c->process->config->party);
	snprintf(o.channel, sizeof o.channel, "%s", ch->name);
	if (origin_write(&o, head.origin) != ERR_OK || store_log_find(c->store, epoch, false, &row) != ERR_OK ||
	    store_checkpoint_upto(c->store, row.id, size, &held) != ERR_OK || (exactly && held.size != size))
		return BYTES_NONE;
	head.size = held.size;
	head.root = held.root;
	key = signer(papers_keyring(&c->papers, ch->partner->name), ch->name, &head, &held.sig, NULL);
	return key != NULL ? note_make(memory, &head, key, &held.sig) : BYTES_NONE;
}

/* ---- ours ---- */

struct shown {
	uint8_t	      held[ALARM_NOTE_MOST], other[ALARM_NOTE_MOST];
	struct alarm  alarm;
	struct buffer file;
};

static void contradiction_show(struct core *c, struct core_channel *ch, const struct contradiction *against, struct shown *s)
{
	const struct checkpoint_frame *f = &against->checkpoint;
	const struct keyring	      *ring = papers_keyring(&c->papers, ch->partner->name);
	struct checkpoint	       head = {.size = f->size, .root = f->root};
	unsigned		       card;
	struct origin		       o;

	snprintf(head.origin, sizeof head.origin, "%s", against->origin);
	const struct public_key *key = signer(ring, ch->name, &head, &f->sig, &card);
	if (key == NULL || origin_read(bytes_text(against->origin), &o) != ERR_OK)
		return;
	s->alarm.card = keyring_note(ring, card);
	s->alarm.note[0] = note_held(c, ch, &o.epoch, f->size, true, s->held);
	s->alarm.note[1] = note_make(s->other, &head, key, &f->sig);
}

/* Where nobody contradicted himself under his signature: the newest checkpoint held tells how far all was well. */
static void newest_show(struct core *c, struct core_channel *ch, struct shown *s)
{
	struct channel_log newest;

	if (channel_log(ch->channel, false, &newest))
		s->alarm.note[0] = note_held(c, ch, &newest.epoch, newest.frontier->size, false, s->held);
}

static void alarm_fill(struct core *c, struct core_channel *ch, const struct duty *d, struct shown *s)
{
	struct alarm *a = &s->alarm;

	a->code = d->end.code;
	a->time_ms = c->now_ms;
	snprintf(a->kept_by, sizeof a->kept_by, "%s", c->process->config->party);
	snprintf(a->said_by, sizeof a->said_by, "%s", c->process->config->party);
	snprintf(a->about, sizeof a->about, "%s", ch->partner->name);
	snprintf(a->channel, sizeof a->channel, "%s", ch->name);
	a->because = bytes_text(d->end.text);
	a->card = note_in_use(papers_keyring(&c->papers, ch->partner->name));
	if (d->end.against != NULL)
		contradiction_show(c, ch, d->end.against, s);
	else if (d->end.code != ALARM_SIGNATURE)
		newest_show(c, ch, s);
}

static enum err alarm_store(struct core *c, struct shown *s, const char *ending)
{
	char	 name[ALARM_NAME_MOST + sizeof SAID_ENDING], path[CONFIG_PATH_MOST];
	enum err e = alarm_path(c, "", path);

	if (e == ERR_OK && mkdir(path, 0700) != 0 && errno != EEXIST)
		e = ERR_FILE;
	if (e == ERR_OK)
		e = folder_sync(path); /* the folder's own name is durable when its parent is */
	if (e == ERR_OK)
		e = alarm_write(&s->alarm, &s->file);
	alarm_file_name(&s->alarm, name);
	strncat(name, ending, sizeof name - strlen(name) - 1);
	core_news(c, NEWS_ALARM_RAISED, name); /* also when it cannot be kept */
	if (e == ERR_OK)
		e = alarm_path(c, name, path);
	if (e == ERR_OK)
		e = file_write_new(path, buffer_bytes(&s->file), 0600);
	if (e == ERR_OK)
		journal(LEVEL_ERROR, "alarm-kept", "%s; `mithaq verify` says what it proves", path);
	return e;
}

/* The partner sees both notes before its session ends. */
static void alarm_send(struct core_partner *p, const struct alarm *a)
{
	uint8_t		   memory[ALARM_FRAME_MOST];
	struct builder	   b = builder_on(memory, sizeof memory);
	struct alarm_frame f = {.code = a->code, .note = {a->note[0], a->note[1]}};

	if (!p->up || p->closing || !p->hello_sent || !p->hello_done)
		return;
	alarm_frame_write(&b, &f);
	if (b.err != ERR_OK || buffer_add(&p->out, builder_bytes(&b)) != ERR_OK)
		journal(LEVEL_WARNING, "alarm", "%s could not be shown the alarm", p->name);
}

void core_alarm_keep(struct core *c, struct core_channel *ch, const struct duty *d)
{
	struct shown *s = calloc(1, sizeof *s);
	enum err      e = s == NULL ? ERR_MEMORY : ERR_OK;

	if (s != NULL) {
		s->file.most = ALARM_FILE_MOST;
		alarm_fill(c, ch, d, s);
		e = alarm_store(c, s, "");
		alarm_send(ch->partner, &s->alarm);
		buffer_done(&s->file);
	}
	free(s);
	if (e != ERR_OK)
		journal(LEVEL_ERROR, "alarm-lost", "the alarm of channel %s with %s could not be kept: %s; it is frozen until this process ends",
			ch->name, ch->partner->name, err_text(e, LANG_EN));
}

/* ---- a partner's ---- */

struct said_count {
	const char *by;
	unsigned    n;
	size_t	    bytes;
};

static void said_count(void *arg, const char *name, const struct alarm *a, size_t size)
{
	struct said_count *count = arg;
	const char	  *at = strchr(name, '_');
	size_t		   n = strlen(count->by);
	/* One that cannot be read still has its partner in its name. */
	bool by = a != NULL ? strcmp(a->said_by, count->by) == 0 : at != NULL && strncmp(at + 1, count->by, n) == 0 && at[1 + n] == '_';

	if (!by)
		return;
	count->n++;
	count->bytes += size;
}

/* Of our own cards the newest by whose log key the note is signed. */
static void said_card(const struct keyring *ring, const struct note *note, const char *origin, struct alarm *a)
{
	for (unsigned i = ring->n; i-- > 0;) {
		const struct public_key *key = card_log_key(ring->card[i], a->channel);

		for (unsigned k = 0; key != NULL && k < note->n; k++)
			if (note_signed_by(note, k, bytes_text(origin), key)) {
				a->card = keyring_note(ring, i);
				return;
			}
	}
}

/* The channel that a note is of, when it is of one between us and this partner. */
static void said_place(const struct core_partner *p, const char *self, struct alarm *a)
{
	struct note	  note;
	struct checkpoint head;
	struct origin	  o;

	for (unsigned i = 0; i < 2; i++) {
		if (a->note[i].n == 0 || note_read(a->note[i], &note) != ERR_OK || checkpoint_read(note.text, &head) != ERR_OK ||
		    origin_read(bytes_text(head.origin), &o) != ERR_OK)
			continue;
		if (strcmp(o.author, self) != 0 || strcmp(o.reader, p->name) != 0)
			continue;
		snprintf(a->channel, sizeof a->channel, "%s", o.channel);
		said_card(&p->core->papers.keyring[0], &note, head.origin, a);
		return;
	}
}

static void said_fill(struct core_partner *p, const struct alarm_frame *f, struct alarm *a)
{
	const char *self = p->core->process->config->party;

	a->code = f->code;
	a->time_ms = p->core->now_ms;
	snprintf(a->kept_by, sizeof a->kept_by, "%s", self);
	snprintf(a->said_by, sizeof a->said_by, "%s", p->name);
	snprintf(a->about, sizeof a->about, "%s", self); /* an ALARM goes to the author of what it is about */
	snprintf(a->channel, sizeof a->channel, "%s", ALARM_CHANNEL_NONE);
	a->because = bytes_text("the partner sent an ALARM frame");
	a->note[0] = f->note[0];
	a->note[1] = f->note[1];
	a->card = note_in_use(&p->core->papers.keyring[0]);
	said_place(p, self, a);
}

static enum err said_store(struct core_partner *p, const struct alarm_frame *f)
{
	struct said_count count = {.by = p->name};
	struct shown	 *s = calloc(1, sizeof *s);
	enum err	  e = s == NULL ? ERR_MEMORY : alarms_each(p->core, SAID_ENDING, said_count, &count);

	if (e == ERR_OK && (count.n >= CORE_ALARMS_SAID_MOST || count.bytes >= SAID_BYTES_MOST))
		e = ERR_BUSY;
	if (e == ERR_OK) {
		s->file.most = ALARM_FILE_MOST;
		said_fill(p, f, &s->alarm);
		e = alarm_store(p->core, s, SAID_ENDING);
		buffer_done(&s->file);
	}
	free(s);
	return e;
}

void core_alarm_said(struct core_partner *p, const struct alarm_frame *f)
{
	char code[ALARM_CODE_MOST];

	alarm_code_word(f->code, code);
	journal(LEVEL_ERROR, "partner-alarm", "%s raises the alarm: %s; its channel is frozen there. What it shows is kept, not believed", p->name,
		code);
	enum err e = said_store(p, f);
	if (e != ERR_OK)
		journal(LEVEL_ERROR, "alarm-lost", "what %s showed could not be kept: %s", p->name, err_text(e, LANG_EN));
}

/* ---- at the start ---- */

static void channel_freeze_by(struct core_channel *ch, const char *name)
{
	if (!channel_frozen(ch->channel))
		journal(LEVEL_ERROR, "frozen", "channel %s with %s stays frozen by %s; mithaq alarm list", ch->name, ch->partner->name, name);
	channel_freeze(ch->channel);
}

/* A file that cannot be read any more freezes by its name. */
static bool freezes(const struct core_channel *ch, const char *name, const struct alarm *a)
{
	char middle[PARTY_MOST + NAME_MOST + 4];

	if (a != NULL)
		return strcmp(a->about, ch->partner->name) == 0 && strcmp(a->channel, ch->name) == 0;
	snprintf(middle, sizeof middle, "_%s_%s_", ch->partner->name, ch->name);
	return strstr(name, middle) != NULL;
}

static void alarm_recall(void *arg, const char *name, const struct alarm *a, size_t size unused_arg)
{
	struct core *c = arg;

	if (a == NULL)
		journal(LEVEL_ERROR, "alarm", "%s cannot be read; its name counts", name);
	for (unsigned i = 0; i < c->npartners; i++)
		for (unsigned k = 0; k < c->partner[i].nchannels; k++)
			if (freezes(&c->partner[i].channel[k], name, a))
				channel_freeze_by(&c->partner[i].channel[k], name);
}

enum err core_alarms_recall(struct core *c)
{
	enum err e = alarms_each(c, ALARM_ENDING, alarm_recall, c);

	if (e != ERR_OK)
		journal(LEVEL_ERROR, err_name(e), "alarms cannot be read at the start: %s", err_text(e, LANG_EN));
	return e;
}
