/*
 * heap_channel.c: two channels of the simulator's world, and memory that runs out inside channel_step or
 * while a channel is made. Then the channel is only freed, as a performer must; both sides start
 * again from their disks, and everything the simulator checks must hold.
 */
#include <setjmp.h>
#include <stdlib.h>

#include "heap.h"
#include "world.h"

static struct world world;
static jmp_buf	    stopped;
static enum err	    stopped_with;

struct channel *__real_channel_new(const struct channel_setup *setup);
struct channel *__wrap_channel_new(const struct channel_setup *setup);
struct duties	__real_channel_step(struct channel *ch, const struct channel_event *event);
struct duties	__wrap_channel_step(struct channel *ch, const struct channel_event *event);
enum err	__real_channel_recall(struct channel *ch, bool own, const struct recalled_log *log);
enum err	__wrap_channel_recall(struct channel *ch, bool own, const struct recalled_log *log);
enum err	__real_channel_recall_question(struct channel *ch, const struct exchange *x, const struct hash *leaf);
enum err	__wrap_channel_recall_question(struct channel *ch, const struct exchange *x, const struct hash *leaf);

static bool told; /* the story is being told, not judged */

static void stop(enum err e)
{
	heap_arm(false);
	if (e == ERR_OK || !told)
		return;
	stopped_with = e;
	longjmp(stopped, 1);
}

/* NULL is an answer: nothing was taken, and the next try may go well. */
struct channel *__wrap_channel_new(const struct channel_setup *setup)
{
	heap_arm(told);
	struct channel *ch = __real_channel_new(setup);
	heap_arm(false);
	return ch != NULL ? ch : __real_channel_new(setup);
}

struct duties __wrap_channel_step(struct channel *ch, const struct channel_event *event)
{
	heap_arm(told);
	struct duties d = __real_channel_step(ch, event);
	stop(d.err);
	return d;
}

enum err __wrap_channel_recall(struct channel *ch, bool own, const struct recalled_log *log)
{
	heap_arm(told);
	enum err e = __real_channel_recall(ch, own, log);
	stop(e);
	return e;
}

enum err __wrap_channel_recall_question(struct channel *ch, const struct exchange *x, const struct hash *leaf)
{
	heap_arm(told);
	enum err e = __real_channel_recall_question(ch, x, leaf);
	stop(e);
	return e;
}

/* A session, questions of each outcome, a crash with a question under way, a session again, an orderly end. */
static void tell(void)
{
	struct side *north = &world.side[NORTH], *south = &world.side[SOUTH];

	side_start(north);
	side_start(south);
	world_connect(&world);
	world_settle(&world);
	side_ask(north, "duty-assessment", "2026-1", NULL);
	side_ask(north, "marketing", "2026-1", NULL);
	world_settle(&world);
	side_ask(north, "duty-assessment", "2026-2", NULL);
	side_commit(north);
	side_crash(south);
	side_start(south);
	side_tick(north);
	world_connect(&world);
	world_settle(&world);
	side_crash(north);
	side_start(north);
	world_connect(&world);
	world_settle(&world);
	side_stop(north);
	side_stop(south);
}

enum err play_channel(void)
{
	world_init(&world, 7, 2, NULL, true);
	stopped_with = ERR_OK;
	told = true;
	if (setjmp(stopped) == 0)
		tell();
	told = false;
	return stopped_with;
}

/* What stopped is told nothing more, not even that the other side is gone. */
static const char *starts_again(void)
{
	for (int i = 0; i < 2; i++) {
		channel_free(world.side[i].channel);
		world.side[i].channel = NULL;
	}
	for (int i = 0; i < 2; i++)
		side_crash(&world.side[i]);
	for (int i = 0; i < 2; i++)
		side_start(&world.side[i]);
	world_connect(&world);
	world_settle(&world);
	side_ask(&world.side[NORTH], "duty-assessment", "2026-3", NULL);
	world_settle(&world);
	return world_check(&world) && world_check_quiet(&world) && world.fault[0] == '\0' ? NULL : world.fault;
}

const char *judge_channel(enum err e unused_arg)
{
	static char fault[FAULT_MOST];
	const char *found = world.fault[0] == '\0' ? starts_again() : world.fault;

	snprintf(fault, sizeof fault, "%s", found == NULL ? "" : found);
	world_done(&world);
	return found == NULL ? NULL : fault;
}
