/*
 * The reader of backups. The first byte chooses: the manifest alone, whose sum is made to
 * fit so that it keeps nobody from the lines above it (accepted: written again byte for
 * byte), or the whole file through a descriptor, as the commands read it.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/archive.h"

#define SUM_LINE 69

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct archive_manifest manifest;

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* The counts are those of the files; and the first line says form 2 exactly where a member of form 2 is in it. */
static void counts_try(struct bytes lines)
{
	unsigned      nof[ARCHIVE_KINDS] = {0};
	struct cursor c = cursor_on(lines);

	for (unsigned i = 0; i < manifest.nfiles; i++)
		nof[manifest.file[i].kind]++;
	must(memcmp(nof, manifest.nof, sizeof nof) == 0);
	bool later = nof[ARCHIVE_CARD_KEPT] + nof[ARCHIVE_CARD_TAKEN] + nof[ARCHIVE_JOINED] + nof[ARCHIVE_PENDING] + nof[ARCHIVE_OFFICERS] > 0;
	must(bytes_is(cursor_line(&c), later ? "mithaq/backup/2" : "mithaq/backup/1"));
}

static void lines_try(struct bytes lines)
{
	struct buffer text = {.most = ARCHIVE_MANIFEST_MOST}, again = {.most = ARCHIVE_MANIFEST_MOST};
	struct hash   sum = hash_bytes(lines);
	char	      hex[2 * HASH_SIZE + 1];

	hex_write(sum.b, HASH_SIZE, hex);
	must(buffer_add(&text, lines) == ERR_OK && buffer_format(&text, "sum %s\n", hex) == ERR_OK);
	if (archive_manifest_read(buffer_bytes(&text), &manifest, NULL) == ERR_OK) {
		must(archive_manifest_write(&manifest, &again) == ERR_OK);
		must(bytes_equal(buffer_bytes(&again), buffer_bytes(&text)));
		must(manifest.nfiles >= 3 && manifest.file[manifest.nfiles - 1].kind == ARCHIVE_LEDGER);
		counts_try(lines);
		for (unsigned i = 0; i < manifest.nfiles; i++)
			must(strstr(manifest.file[i].name, "..") == NULL && manifest.file[i].name[0] != '/' && tar_name_good(manifest.file[i].name));
		archive_manifest_done(&manifest);
	}
	buffer_done(&text);
	buffer_done(&again);
}

static enum err piece_count(void *arg, struct bytes piece)
{
	*(uint64_t *)arg += piece.n;
	return ERR_OK;
}

static void file_try(struct bytes file)
{
	int	 fd = memfd_create("backup", MFD_CLOEXEC);
	uint64_t seen = 0, told = 0;

	must(fd >= 0 && write(fd, file.at, file.n) == (ssize_t)file.n && lseek(fd, 0, SEEK_SET) == 0);
	enum err e = archive_get_manifest(fd, &manifest, NULL);
	bool	 held = e == ERR_OK;
	for (unsigned i = 0; e == ERR_OK && i < manifest.nfiles; i++) {
		told += manifest.file[i].size;
		e = archive_get(fd, &manifest.file[i], piece_count, &seen, NULL);
	}
	if (e == ERR_OK)
		e = archive_get_end(fd, NULL);
	must(e != ERR_OK || seen == told);
	if (held)
		archive_manifest_done(&manifest);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		lines_try(bytes_of(data + 1, size - 1));
	else
		file_try(bytes_of(data + 1, size - 1));
	return 0;
}
