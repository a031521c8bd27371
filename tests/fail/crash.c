/* crash.c: what is certain, what is under way, and the disks these make. */
#include <stdlib.h>
#include <string.h>

#include "crash.h"

static const struct disk_record *under_way(const struct cut *c, unsigned i)
{
	return &c->lived->record[c->under_way[i]];
}

static bool is_of_folder(const struct disk_record *r)
{
	return r->op == OP_CREATE || r->op == OP_REMOVE;
}

/* ---- changes ---- */

static void write_sectors(struct disk_file *f, const struct disk_record *r, uint64_t sectors)
{
	for (size_t from = 0, i = 0; from < r->n; from += DISK_SECTOR, i++) {
		size_t n = r->n - from < DISK_SECTOR ? r->n - from : DISK_SECTOR;

		if (sectors >> (i < 63 ? i : 63) & 1)
			disk_file_write(f, r->at + from, r->bytes + from, n);
	}
}

static void change(struct disk *d, const struct disk_record *r, uint64_t sectors)
{
	struct disk_file *f = &d->file[r->file];

	if (sectors == 0 || r->lost)
		return;
	switch (r->op) {
	case OP_CREATE:
		f->there = true;
		break;
	case OP_REMOVE:
		f->there = false;
		break;
	case OP_WRITE:
		write_sectors(f, r, sectors);
		break;
	case OP_TRUNCATE:
		disk_file_truncate(f, r->at);
		break;
	case OP_SYNC:
	case OP_SYNC_FOLDER:
	case OP_MARK:
		break;
	}
}

/* What a sync reaches becomes certain; the rest moves up. */
static void make_certain(struct cut *c, const struct disk_record *sync)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n; i++) {
		const struct disk_record *r = under_way(c, i);
		bool			  reached = sync->op == OP_SYNC_FOLDER ? is_of_folder(r) : !is_of_folder(r) && r->file == sync->file;

		if (reached)
			change(&c->certain, r, SECTORS_ALL);
		else
			c->under_way[n++] = c->under_way[i];
	}
	c->n = n;
	c->syncs++;
}

void cut_begin(struct cut *c, const struct disk *lived)
{
	memset(c, 0, sizeof *c);
	c->lived = lived;
	c->certain.nfiles = lived->nfiles;
	for (unsigned i = 0; i < lived->nfiles; i++)
		memcpy(c->certain.file[i].name, lived->file[i].name, DISK_NAME_MOST);
}

bool cut_next(struct cut *c)
{
	if (c->at == c->lived->nrecords)
		return false;
	const struct disk_record *r = &c->lived->record[c->at];
	if (r->op == OP_MARK)
		c->mark = r->at;
	else if (r->op == OP_SYNC || r->op == OP_SYNC_FOLDER)
		make_certain(c, r);
	else if (c->n < UNDER_WAY_MOST)
		c->under_way[c->n++] = c->at;
	else
		abort();
	c->at++;
	return true;
}

void cut_done(struct cut *c)
{
	disk_end(&c->certain);
}

/* ---- images ---- */

unsigned cut_sectors(const struct cut *c, unsigned i)
{
	size_t n = under_way(c, i)->n;

	return n == 0 ? 1 : (unsigned)((n + DISK_SECTOR - 1) / DISK_SECTOR);
}

void picture_fill(const struct cut *c, struct picture *p, uint64_t sectors)
{
	p->garbage = false;
	for (unsigned i = 0; i < c->n; i++)
		p->sectors[i] = sectors;
}

static void copy_certain(const struct cut *c, struct disk *out)
{
	out->nfiles = c->certain.nfiles;
	for (unsigned i = 0; i < c->certain.nfiles; i++) {
		const struct disk_file *from = &c->certain.file[i];
		struct disk_file       *to = &out->file[i];

		memcpy(to->name, from->name, sizeof to->name);
		to->there = from->there;
		disk_file_truncate(to, 0);
		if (from->n > 0)
			disk_file_write(to, 0, from->at, from->n);
	}
}

static bool grows(const struct cut *c, unsigned i)
{
	const struct disk_record *r = under_way(c, i);

	return r->op == OP_WRITE && r->at >= c->certain.file[r->file].n;
}

static void grow_garbage(const struct cut *c, struct disk *out)
{
	uint8_t garbage[DISK_SECTOR];

	memset(garbage, 0xa7, sizeof garbage);
	for (unsigned i = 0; i < c->n; i++) {
		const struct disk_record *r = under_way(c, i);

		if (!grows(c, i))
			continue;
		for (size_t at = 0; at < r->n; at += DISK_SECTOR)
			disk_file_write(&out->file[r->file], r->at + at, garbage, r->n - at < DISK_SECTOR ? r->n - at : DISK_SECTOR);
	}
}

static uint64_t mixed(uint64_t state, uint64_t v)
{
	state = (state ^ v) * 0x9e3779b97f4a7c15u;
	return state ^ state >> 29;
}

/* The same sectors, without those that the change does not have. */
static uint64_t sectors_there(const struct cut *c, const struct picture *p, unsigned i)
{
	unsigned n = cut_sectors(c, i);

	return n >= 63 ? p->sectors[i] : p->sectors[i] & ((UINT64_C(1) << n) - 1);
}

uint64_t cut_number(const struct cut *c, const struct picture *p)
{
	uint64_t state = mixed(1, c->syncs);
	bool	 garbage = false;

	for (unsigned i = 0; i < c->n; i++) {
		uint64_t sectors = under_way(c, i)->lost ? 0 : sectors_there(c, p, i);

		if (sectors != 0)
			state = mixed(mixed(state, c->under_way[i]), sectors);
		garbage |= p->garbage && sectors == 0 && grows(c, i);
	}
	return garbage ? mixed(state, c->n) : state;
}

void cut_image(const struct cut *c, const struct picture *p, struct disk *out)
{
	bool folder = true;

	copy_certain(c, out);
	if (p->garbage)
		grow_garbage(c, out);
	for (unsigned i = 0; i < c->n; i++) {
		const struct disk_record *r = under_way(c, i);

		if (is_of_folder(r))
			folder = folder && p->sectors[i] != 0;
		if (!is_of_folder(r) || folder)
			change(out, r, p->sectors[i]);
	}
}
