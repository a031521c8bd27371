/* doctor_machine.c: the machine itself: clock, disk, randomness, kernel, sizes. */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "crypto/random.h"
#include "crypto/sign.h"
#include "proc/promise.h"

#define FLUSHES	       64
#define FLUSH_BYTES    4096
#define FLUSH_SLOW_US  10000 /* every turn waits for one: two of them stand in an answer's way on each side */
#define FLUSH_FREE_US  15    /* no disk is this fast: then nothing reaches one */
#define DISK_LOW       (1ull << 30)
#define DISK_SCARCE    (256ull << 20)
#define CLOCK_ERROR_MS 1000
#define FILES_WANTED   2048 /* descriptors of the process that listens to applications */
#define SIGN_TRIES     2000
#define SIGN_SLOW_US   200
#define YEAR_2026_S    1767225600
#define MEMORY_WANTED  (256ull << 20)

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- clock ---- */

/* Both sides' clocks must lie within 300 s of each other, or every question is refused (spec/rules.md). */
static void clock_look(struct doctor *d)
{
	static const struct check check = {"clock", "الساعة"};
	struct timex		  t = {0};
	int			  state = adjtimex(&t);

	if (time(NULL) < YEAR_2026_S)
		doctor_say(d, &check, GRADE_BAD,
			   cli_text(d->cli, "set it: partners refuse a clock 5 minutes off", "اضبطها: يرفض الشركاء ساعة تنحرف 5 دقائق"), "%s",
			   cli_text(d->cli, "it stands before 2026", "تشير إلى ما قبل 2026"));
	else if (state < 0 || state == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
		doctor_say(d, &check, GRADE_NOTE,
			   cli_text(d->cli, "apt install chrony; a partner refuses questions when the clocks are 5 minutes apart",
				    "apt install chrony؛ يرفض الشريك الأسئلة إذا تباعدت الساعتان 5 دقائق"),
			   "%s",
			   cli_text(d->cli, "nothing keeps it right (the kernel says: not synchronised)",
				    "لا شيء يضبطها (النواة تقول: غير متزامنة)"));
	else
		doctor_say(d, &check, t.esterror / 1000 > CLOCK_ERROR_MS ? GRADE_NOTE : GRADE_OK, NULL,
			   cli_text(d->cli, "synchronised, at most %ld ms off", "متزامنة، بانحراف لا يزيد على %ld مللي ثانية"), t.esterror / 1000);
}

/* ---- disk ---- */

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What every turn of the ledger does: append and wait until it is on the disk. False: it could not be tried. */
static bool flushes_time(const char *folder, uint64_t *median, uint64_t *worst)
{
	char	 path[CONFIG_PATH_MOST + 32];
	uint8_t	 page[FLUSH_BYTES];
	uint64_t took[FLUSHES];
	bool	 good = true;

	snprintf(path, sizeof path, "%s/doctor-XXXXXX", folder);
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return false;
	(void)unlink(path);
	random_bytes(page, sizeof page);
	for (unsigned i = 0; i < FLUSHES && good; i++) {
		uint64_t before = now_us();

		good = write(fd, page, sizeof page) == (ssize_t)sizeof page && fdatasync(fd) == 0;
		took[i] = now_us() - before;
	}
	close(fd);
	if (!good)
		return false;
	qsort(took, FLUSHES, sizeof took[0], by_size);
	*median = took[FLUSHES / 2];
	*worst = took[FLUSHES - 1];
	return true;
}

static void flush_look(struct doctor *d, const char *folder)
{
	static const struct check check = {"disk flush", "كتابة القرص"};
	uint64_t		  median = 0, worst = 0;

	if (!flushes_time(folder, &median, &worst)) {
		doctor_say(d, &check, GRADE_BAD,
			   cli_text(d->cli, "the gateway's user must be able to write there", "يجب أن يستطيع مستخدم البوابة الكتابة هناك"), "%s: %s",
			   folder, strerror(errno));
		return;
	}
	const char *help =
		median > FLUSH_SLOW_US
			? cli_text(d->cli, "every answer waits for four of these: a disk with power-loss protection helps most",
				   "ينتظر كل جواب أربعًا منها: أكثر ما ينفع قرص محمي من انقطاع الكهرباء")
			: cli_text(d->cli,
				   "no disk is this fast: is this a RAM disk, or a machine that ignores flushes? Then a power cut loses entries",
				   "لا قرص بهذه السرعة: أهو قرص في الذاكرة أم جهاز يتجاهل أمر الكتابة؟ عندئذ يُضيع انقطاع الكهرباء قيودًا");
	doctor_say(d, &check, median > FLUSH_SLOW_US || median < FLUSH_FREE_US ? GRADE_NOTE : GRADE_OK, help,
		   cli_text(d->cli, "median %llu us, worst %llu us of %u", "الوسيط %llu ميكروثانية، والأسوأ %llu من %u"), (unsigned long long)median,
		   (unsigned long long)worst, FLUSHES);
}

static bool is_network(long type)
{
	static const long network[] = {NFS_SUPER_MAGIC,	      SMB_SUPER_MAGIC,	     0xFF534D42 /* CIFS */,
				       0xFE534D42 /* SMB2 */, 0x65735546 /* FUSE */, V9FS_MAGIC};

	for (size_t i = 0; i < COUNT_OF(network); i++)
		if (type == network[i])
			return true;
	return false;
}

static void room_look(struct doctor *d, const char *folder)
{
	static const struct check check = {"disk", "القرص"};
	struct statfs		  s;

	if (statfs(folder, &s) != 0) {
		doctor_say(d, &check, GRADE_BAD, NULL, "%s: %s", folder, strerror(errno));
		return;
	}
	uint64_t    free_bytes = (uint64_t)s.f_bavail * (uint64_t)s.f_bsize;
	bool	    network = is_network((long)s.f_type), memory = s.f_type == TMPFS_MAGIC || s.f_type == RAMFS_MAGIC;
	enum grade  grade = network || memory || free_bytes < DISK_SCARCE ? GRADE_BAD : free_bytes < DISK_LOW ? GRADE_NOTE : GRADE_OK;
	const char *help =
		network	 ? cli_text(d->cli, "a ledger must stand on a disk of this machine: locks and flushes over a network are not to be trusted",
				    "يجب أن يكون السجل على قرص هذا الجهاز: لا يوثق بالأقفال والكتابة عبر الشبكة")
		: memory ? cli_text(d->cli, "this is memory, not a disk: a restart loses the ledger", "هذه ذاكرة لا قرص: إعادة التشغيل تُضيع السجل")
			 : cli_text(d->cli, "when it is full the gateway stops taking questions: make room, or move the data folder",
				    "عند امتلائه تتوقف البوابة عن قبول الأسئلة: أفسح مكانًا أو انقل مجلد البيانات");
	doctor_say(d, &check, grade, help, cli_text(d->cli, "%s: %llu MiB free%s", "%s: متاح %llu ميبيبايت%s"), folder,
		   (unsigned long long)(free_bytes >> 20),
		   network  ? " (network)"
		   : memory ? " (RAM)"
			    : "");
}

/* ---- randomness and cryptography ---- */

static void entropy_look(struct doctor *d)
{
	static const struct check check = {"entropy", "العشوائية"};
	uint8_t			  drawn[2][32];

	random_bytes(drawn, sizeof drawn);
	bool differ = memcmp(drawn[0], drawn[1], sizeof drawn[0]) != 0;
	doctor_say(d, &check, differ ? GRADE_OK : GRADE_BAD, NULL, "%s",
		   differ ? cli_text(d->cli, "the kernel's generator is seeded", "مولّد النواة جاهز")
			  : cli_text(d->cli, "it repeats itself", "يكرر نفسه"));
}

static void signing_look(struct doctor *d)
{
	static const struct check check = {"signing", "التوقيع"};
	uint8_t			  seed[SIGN_SEED] = {1};
	struct sign_key		  key;
	struct signature	  sig;
	bool			  good = true;

	sign_key_from_seed(&key, seed);
	uint64_t begun = now_us();
	for (unsigned i = 0; i < SIGN_TRIES; i++)
		sign_bytes(&key, bytes_of(&i, sizeof i), &sig);
	uint64_t signed_at = now_us();
	unsigned last = SIGN_TRIES - 1;
	for (unsigned i = 0; i < SIGN_TRIES / 4 && good; i++)
		good = sign_verify(&key.pub, bytes_of(&last, sizeof last), &sig) == ERR_OK;
	uint64_t end = now_us();
	sign_key_done(&key);
	uint64_t sign_us = (signed_at - begun) / SIGN_TRIES, verify_us = (end - signed_at) / (SIGN_TRIES / 4);
	doctor_say(d, &check,
		   !good		      ? GRADE_BAD
		   : verify_us > SIGN_SLOW_US ? GRADE_NOTE
					      : GRADE_OK,
		   cli_text(d->cli, "a slow processor: see `mithaq doctor --measure`", "معالج بطيء: انظر «mithaq doctor --measure»"),
		   cli_text(d->cli, "Ed25519 signs in %llu us, verifies in %llu us", "توقيع Ed25519 في %llu ميكروثانية، والتحقق في %llu"),
		   (unsigned long long)sign_us, (unsigned long long)verify_us);
}

/* ---- kernel ---- */

static void kernel_look(struct doctor *d)
{
	static const struct check check = {"kernel", "النواة"};
	struct utsname		  u;

	if (uname(&u) != 0)
		memset(&u, 0, sizeof u);
	if (!promise_available())
		doctor_say(d, &check, GRADE_BAD,
			   cli_text(d->cli,
				    "seccomp and Landlock (Linux 5.13 or newer, with `landlock` among its security modules) are needed: the gateway "
				    "does not start without",
				    "لا تبدأ البوابة بغير seccomp وLandlock (لينكس 5.13 أو أحدث)"),
			   "%s", u.release);
	else if (!promise_ports_available())
		doctor_say(d, &check, GRADE_NOTE,
			   cli_text(d->cli,
				    "before Linux 6.7 a captured link could dial other ports than its partner's: a firewall rule can say the same",
				    "قبل لينكس 6.7 يمكن لوصلة مخترقة أن تتصل بمنافذ غير منفذ شريكها: قاعدة في الجدار الناري تمنع ذلك"),
			   cli_text(d->cli, "%s: processes confine themselves; no rule for ports", "%s: العمليات تقيّد نفسها؛ دون قاعدة للمنافذ"),
			   u.release);
	else
		doctor_say(d, &check, GRADE_OK, NULL, cli_text(d->cli, "%s: processes confine themselves", "%s: العمليات تقيّد نفسها"), u.release);
}

static void sizes_look(struct doctor *d)
{
	static const struct check check = {"sizes", "الأحجام"};
	struct sysinfo		  info;
	struct rlimit		  files = {0};
	long			  cores = sysconf(_SC_NPROCESSORS_ONLN);

	(void)sysinfo(&info);
	(void)getrlimit(RLIMIT_NOFILE, &files);
	uint64_t memory = (uint64_t)info.totalram * info.mem_unit;
	bool	 few = files.rlim_max < FILES_WANTED, small = memory < MEMORY_WANTED;
	doctor_say(d, &check, few || small ? GRADE_NOTE : GRADE_OK,
		   few ? cli_text(d->cli, "LimitNOFILE=4096 in the unit", "LimitNOFILE=4096 في ملف الخدمة")
		       : cli_text(d->cli, "256 MiB are the least", "256 ميبيبايت هي الحد الأدنى"),
		   cli_text(d->cli, "%ld cores, %llu MiB of memory, %llu files", "%ld أنوية، %llu ميبيبايت ذاكرة، %llu ملفات"), cores,
		   (unsigned long long)(memory >> 20), (unsigned long long)files.rlim_max);
}

void doctor_machine(struct doctor *d, const struct config *config)
{
	static const struct check home = {"home", "المجلد"};
	const char *folder = config != NULL && access(config->data, F_OK) == 0 ? config->data : config != NULL ? config->home : "/var/tmp";

	clock_look(d);
	flush_look(d, folder);
	room_look(d, folder);
	entropy_look(d);
	signing_look(d);
	kernel_look(d);
	sizes_look(d);
	if (config == NULL)
		doctor_say(d, &home, GRADE_NOTE, cli_text(d->cli, "`mithaq init PARTY` makes one", "ينشئه «mithaq init PARTY»"), "%s",
			   cli_text(d->cli, "there is none here yet", "لا يوجد هنا بعد"));
	else
		doctor_say(d, &home, GRADE_OK, NULL,
			   cli_text(d->cli, "%s, %u partners; `mithaq config check` looks at it closely",
				    "%s، الشركاء %u؛ يفحصه «mithaq config check» عن قرب"),
			   config->party, config->npartners);
}
