/* replay.c: runs a fuzz harness over every file of a corpus folder, once, so that each test run replays past findings. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/builder.h"

int    LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* Of a fuzzer; a harness that guides one names it, but nothing is changed here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
{
	(void)data;
	return size < most ? size : most;
}

static int replay_file(const char *path)
{
	static uint8_t data[4u << 20];
	FILE	      *f = fopen(path, "rb");

	if (f == NULL)
		return 0;
	size_t n = fread(data, 1, sizeof data, f);
	fclose(f);
	/* An exact heap copy, so that the sanitizer sees a read one byte past the end. */
	uint8_t *exact = malloc(n > 0 ? n : 1);
	if (exact == NULL)
		return 0;
	memcpy(exact, data, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 1;
}

int main(int argc, char **argv)
{
	int	       files = 0;
	struct dirent *entry;

	if (argc != 2)
		return 2;
	DIR *dir = opendir(argv[1]);
	if (dir == NULL) {
		fprintf(stderr, "%s: no such corpus\n", argv[1]);
		return 1;
	}
	while ((entry = readdir(dir)) != NULL) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
		files += replay_file(path);
	}
	closedir(dir);
	printf("%d inputs replayed\n", files);
	return files > 0 ? 0 : 1;
}
