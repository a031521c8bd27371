/*
 * backup_papers.c: the papers of a backup, each in its place, read as a gateway would read them. They are laid
 * out as a home of their own that holds nothing else, so that a card or an agreement that
 * does not stand on the others is named before anything of this machine is touched.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agreement/connection.h"
#include "cli/backup.h"
#include "evidence/alarm.h"
#include "proc/files.h"

/* ---- places ---- */

static enum err card_place(const struct archive_manifest *m, const struct archive_file *f, struct bytes body, struct backup_place *out)
{
	struct card card;
	enum err    e = card_read(body, &card, NULL);

	if (e != ERR_OK)
		return e;
	bool own = strcmp(card.party, m->party) == 0;
	if (f->kind == ARCHIVE_CARD_KEPT || f->kind == ARCHIVE_CARD_TAKEN)
		return papers_card_path(card.party, card.serial, out->rest);
	if (own != (f->kind == ARCHIVE_CARD))
		return ERR_KEY;
	snprintf(out->rest, sizeof out->rest, "%s%s.card", own ? "" : "partners/", card.party);
	return ERR_OK;
}

static enum err alarm_place(struct bytes body, struct backup_place *out)
{
	struct alarm alarm;
	enum err     e = alarm_read(body, &alarm, NULL);

	if (e != ERR_OK)
		return e;
	memcpy(out->rest, "alarms/", 8);
	alarm_file_name(&alarm, out->rest + 7);
	return ERR_OK;
}

/* Did one of the roots that the text names for this party sign it? */
static bool half_signed(const struct note *note, const struct agreement_party *party)
{
	char name[PARTY_MOST + 8];
	bool is = false;

	snprintf(name, sizeof name, "%s/root", party->name);
	for (unsigned i = 0; i < note->n; i++)
		for (unsigned k = 0; k < 2; k++)
			is = is || note_signed_by(note, i, bytes_text(name), &party->root[k]);
	return is;
}

/* Our half of a connection agreement: its text, and our signature alone. */
static enum err half_place(const struct archive_manifest *m, struct bytes body, struct backup_place *out)
{
	struct note	  note;
	struct agreement *a = NULL;
	char		  hex[2 * HASH_SIZE + 1];
	enum err	  e = note_read(body, &note);

	if (e == ERR_OK)
		e = agreement_parse(note.text, &a, NULL);
	if (e != ERR_OK)
		return e;
	int us = agreement_party(a, bytes_text(m->party));
	if (us < 0 || !connection_is(a))
		e = ERR_VALUE;
	else if (!half_signed(&note, &a->party[us]))
		e = ERR_SIGNATURE;
	hex_write(a->id.b, HASH_SIZE, hex);
	snprintf(out->rest, sizeof out->rest, PAPERS_AGREEMENTS_FOLDER "/pending/%s.signed-by-us", hex);
	agreement_free(a);
	return e;
}

static enum err place_named(const char *name, struct backup_place *out)
{
	snprintf(out->rest, sizeof out->rest, "%s", name);
	return ERR_OK;
}

enum err backup_place(const struct archive_manifest *m, const struct archive_file *f, struct bytes body, struct backup_place *out)
{
	*out = (struct backup_place){.mode = 0644};
	switch (f->kind) {
	case ARCHIVE_CONFIG:
		out->mode = 0640;
		return place_named("mithaq.yaml", out);
	case ARCHIVE_CARD_TAKEN:
		out->data = true;
		out->mode = 0600;
		return card_place(m, f, body, out);
	case ARCHIVE_CARD:
	case ARCHIVE_PARTNER:
	case ARCHIVE_CARD_KEPT:
		return card_place(m, f, body, out);
	case ARCHIVE_AGREEMENT:
		return place_named(f->name, out); /* 64 hex digits, as archive.c saw to */
	case ARCHIVE_JOINED:
		out->data = true;
		out->mode = 0600;
		snprintf(out->rest, sizeof out->rest, PAPERS_AGREEMENTS_FOLDER "%s", strchr(f->name, '/'));
		return ERR_OK;
	case ARCHIVE_PENDING:
		return half_place(m, body, out);
	case ARCHIVE_OFFICERS:
		return place_named("officers", out);
	case ARCHIVE_ALARM:
		out->data = true;
		out->mode = 0600;
		return alarm_place(body, out);
	case ARCHIVE_LEDGER:
		break; /* no paper */
	}
	return ERR_INTERNAL;
}

/* ---- a home of their own ---- */

static const char *const laid_folders[] = {"", "/partners", "/cards", "/agreements", "/data", "/data/cards", "/data/agreements"};

static bool is_laid(enum archive_kind kind)
{
	return kind == ARCHIVE_CARD || kind == ARCHIVE_PARTNER || kind == ARCHIVE_CARD_KEPT || kind == ARCHIVE_CARD_TAKEN ||
	       kind == ARCHIVE_AGREEMENT || kind == ARCHIVE_JOINED;
}

enum err backup_lay_begin(const char *folder)
{
	char path[CONFIG_PATH_MOST + 32];

	backup_lay_end(folder); /* of a restore that was cut off */
	for (size_t i = 0; i < COUNT_OF(laid_folders); i++) {
		snprintf(path, sizeof path, "%s%s", folder, laid_folders[i]);
		if (folder_make_private(path) != 0)
			return ERR_FILE;
	}
	return ERR_OK;
}

enum err backup_lay(const char *folder, const struct archive_manifest *m, const struct archive_file *f, struct bytes body, struct fault *fault)
{
	struct backup_place place;
	char		    path[2 * CONFIG_PATH_MOST + 8];
	enum err	    e = backup_place(m, f, body, &place);

	if (e == ERR_OK && is_laid(f->kind)) {
		snprintf(path, sizeof path, "%s/%s%s", folder, place.data ? "data/" : "", place.rest);
		e = file_write_new(path, body, 0600);
	}
	return e == ERR_OK ? ERR_OK : fault_at(fault, e, 0, f->name, "", "", "");
}

enum err backup_lay_check(const char *folder, const char *party, char file[CONFIG_PATH_MOST], struct fault *fault)
{
	struct config  config;
	struct papers *papers = calloc(1, sizeof *papers);
	char	       path[CONFIG_PATH_MOST] = "";
	size_t	       n = strlen(folder);

	config_places(&config, folder);
	config.party = party;
	enum err e = papers == NULL ? fault_at(fault, ERR_MEMORY, 0, "", "", "", "") : papers_load(&config, papers, path, fault);
	if (e == ERR_OK)
		papers_done(papers);
	snprintf(file, CONFIG_PATH_MOST, "%s", strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : path);
	config_done(&config);
	free(papers);
	return e;
}

static void files_gone(const char *folder)
{
	struct dirent *entry;
	DIR	      *dir = opendir(folder);

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0); /* folders stay */
	if (dir != NULL)
		closedir(dir);
}

void backup_lay_end(const char *folder)
{
	char path[CONFIG_PATH_MOST + 32];

	for (size_t i = COUNT_OF(laid_folders); i-- > 0;) {
		snprintf(path, sizeof path, "%s%s", folder, laid_folders[i]);
		files_gone(path);
		(void)rmdir(path);
	}
}
