/* main.c: the one table of commands. */
#include "cli/cli.h"
#include "crypto/sign.h"
#include "gateway/gateway.h"

/* The gateway and the commands are neighbours, so the command that starts the gateway stands here. */
static int cmd_serve(struct cli *cli, int argc, char **argv)
{
	struct config config;

	if (cli_options(cli, argc, argv, NULL, 0) != 0)
		return cli_usage(cli);
	int code = cli_config(cli, &config);
	if (code != EXIT_DONE)
		return code;
	code = gateway_run(&config);
	config_done(&config);
	return code;
}

static const struct command commands[] = {
	{"init", cmd_init, "PARTY [--environment test|live] [--root-seed-a FILE --root-seed-b FILE]",
	 "make the keys, the configuration and the card of a new party", "إنشاء مفاتيح طرف جديد وإعداداته وبطاقته"},
	{"partner", cmd_partner, "add CARD [ADDRESS:PORT] [--words \"SIX WORDS\"] [--root KEYFILE] | list", "take in a partner's card",
	 "إدخال بطاقة شريك"},
	{"key", cmd_key, "list | rotate KEY [--root KEYFILE] | revoke KEY [--root KEYFILE] | retire tls [--root KEYFILE] | sheet [--html]",
	 "the keys of this house and the card that names them", "مفاتيح هذه الجهة والبطاقة التي تسميها"},
	{"token", cmd_token, "new ACCOUNT [--clauses CHANNEL/NAME,...] [--days N] [--cli] | list | revoke ACCOUNT-OR-HASH",
	 "tokens for the applications of this house", "رموز الدخول لتطبيقات هذه الجهة"},
	{"agreement", cmd_agreement,
	 "check FILE | sign FILE --root KEYFILE [--party PARTY] [--out FILE] | show FILE|ID [--clause N] | activate FILE | list",
	 "check, sign, read and put in force an agreement", "فحص اتفاق وتوقيعه وقراءته وإنفاذه"},
	{"try", cmd_try, "AGREEMENT [--as PARTY] [--provide FILE] [--api ADDRESS:PORT] [--once]",
	 "play the absent partner from the agreement's own examples", "تمثيل دور الشريك الغائب من أمثلة الاتفاق نفسه"},
	{"doctor", cmd_doctor, "[--partner PARTY | --measure]", "is this machine fit, which layer towards a partner fails, how much does it carry",
	 "هل هذا الجهاز صالح، وأي طبقة نحو الشريك معطلة، وكم يحتمل"},
	{"config", cmd_config, "check", "look at all that the gateway will read: configuration, papers, keys, sources",
	 "فحص كل ما ستقرؤه البوابة: الإعدادات والأوراق والمفاتيح والمصادر"},
	{"serve", cmd_serve, "", "run the gateway until it is told to stop", "تشغيل البوابة حتى يُطلب إيقافها"},
	{"query", cmd_query,
	 "CHANNEL/NAME [field=value ...] --purpose P [--case C] [--officer O] [--to PARTY] [--wait SECONDS] [--key KEY] [--token T] [--dry-run] "
	 "[--exit-hit]",
	 "ask a partner under a clause", "توجيه استعلام إلى شريك بموجب بند"},
	{"provider", cmd_provider, "test CHANNEL/NAME [field=value ...] [--purpose P] [--from PARTY]",
	 "ask a source of ours as the gateway would, and show what would leave", "سؤال مصدر من مصادرنا كما تسأله البوابة، وبيان ما كان سيُرسل"},
	{"cancel", cmd_cancel, "ID [--wait SECONDS] [--token T]", "withdraw a question that has no answer yet", "سحب استعلام لم يُجب بعد"},
	{"why", cmd_why, "ID [--token T]", "what became of one exchange, and under which rule", "ما آل إليه تبادل بعينه وبموجب أي قاعدة"},
	{"ping", cmd_ping, "PARTNER [--wait SECONDS] [--token T]", "is the partner's gateway there, and does it answer?",
	 "هل بوابة الشريك موجودة وتجيب؟"},
	{"notice", cmd_notice, "outage PARTNER --from TIME [--until TIME] --text TEXT | incident PARTNER [--from TIME] [--until TIME] --text TEXT",
	 "tell a partner of an outage or an incident, on record", "إبلاغ شريك بتوقف أو حادث إبلاغًا مسجلًا"},
	{"status", cmd_status, "[--token T]", "partners, links and ledgers", "الشركاء والوصلات والسجلات"},
	{"log", cmd_log,
	 "show [--partner PARTY] [--channel CHANNEL] | verify [--from-start] | export PARTNER CHANNEL [--origin ORIGIN] [--from N] [--to N] | "
	 "repair PARTNER CHANNEL [FILE ...] [--dry-run] [--partly]",
	 "read, verify and repair the ledger", "قراءة السجل والتحقق منه وإصلاحه"},
	{"backup", cmd_backup, "[FILE|-] | verify FILE", "ledger, papers and configuration in one file, while the gateway runs; no keys",
	 "السجل والأوراق والإعدادات في ملف واحد والبوابة تعمل، دون المفاتيح"},
	{"restore", cmd_restore, "FILE [--replace]", "put a backup in place and say what must be fetched back",
	 "إحلال نسخة احتياطية وبيان ما يجب جلبه من الشركاء"},
	{"alarm", cmd_alarm, "list | release ID", "what froze a channel, and thawing it", "ما جمّد قناة، ورفع التجميد عنها"},
	{"evidence", cmd_evidence, "export ID [--out FILE] [--token T]", "write the evidence of one exchange to a file",
	 "كتابة أدلة تبادل واحد في ملف"},
	{"verify", cmd_verify, "BUNDLE|ALARM [--agreement FILE] [--card FILE]...", "verify evidence offline, trusting nobody",
	 "التحقق من الأدلة دون اتصال ودون الوثوق بأحد"},
	{"import", cmd_import, "un-list FILE --into DATABASE", "load a public list into a provider's database",
	 "تحميل قائمة عامة في قاعدة بيانات مزوِّد"},
	{"upgrade", cmd_upgrade, "--check", "before an upgrade: can this program read what stands here?",
	 "قبل الترقية: هل يقرأ هذا البرنامج ما هو موجود هنا؟"},
	{"help", cmd_help, "[COMMAND]", "this list, or one command", "هذه القائمة أو أمر واحد"},
	{"version", cmd_version, "", "print the version", "طباعة الإصدار"},
};

int main(int argc, char **argv)
{
	struct cli cli = {.out = stdout, .complain = stderr, .commands = commands, .ncommands = COUNT_OF(commands)};

	if (crypto_start() != ERR_OK)
		return cli_err(&cli, ERR_INTERNAL, "start", NULL);
	return cli_main(&cli, argc, argv);
}
