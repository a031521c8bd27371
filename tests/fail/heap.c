/* heap.c: the functions that take memory, and SQLite's. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "heap.h"

static struct {
	bool	 armed, for_good;
	uint64_t nth, seen;
} heap;

static sqlite3_mem_methods sqlite_own;

void heap_fail_at(uint64_t nth, bool for_good)
{
	heap.armed = false;
	heap.for_good = for_good;
	heap.nth = nth;
	heap.seen = 0;
}

void heap_arm(bool armed)
{
	heap.armed = armed;
}

bool heap_met(void)
{
	return heap.seen >= heap.nth;
}

static bool fails(void)
{
	if (!heap.armed || disk_allocates)
		return false;
	heap.seen++;
	return heap.seen == heap.nth || (heap.for_good && heap.seen > heap.nth);
}

/* ---- ours: the linker sends each caller of x to __wrap_x, and __real_x to x ---- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strndup(const char *text, size_t n);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strndup(const char *text, size_t n);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strndup(const char *text, size_t n)
{
	return fails() ? NULL : __real_strndup(text, n);
}

/* ---- SQLite's ---- */

static void *sqlite_malloc(int n)
{
	return fails() ? NULL : sqlite_own.xMalloc(n);
}

static void *sqlite_realloc(void *p, int n)
{
	return fails() ? NULL : sqlite_own.xRealloc(p, n);
}

void heap_start(void)
{
	sqlite3_mem_methods failing;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own) != SQLITE_OK)
		abort();
	failing = sqlite_own;
	failing.xMalloc = sqlite_malloc;
	failing.xRealloc = sqlite_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK)
		abort();
}
