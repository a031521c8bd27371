/* Whole files, atomically; keys with their mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/files.h"

static char folder[64];
static char path[128];

static int setup(void **state unused_arg)
{
	(void)snprintf(folder, sizeof folder, "/tmp/mithaq-files-XXXXXX");
	if (!mkdtemp(folder) || crypto_start())
		return -1;
	(void)snprintf(path, sizeof path, "%s/file", folder);
	return 0;
}

static unsigned files_in_folder(void)
{
	DIR	*d = opendir(folder);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int teardown(void **state unused_arg)
{
	(void)chmod(folder, 0700);
	(void)unlink(path);
	return rmdir(folder);
}

static void assert_holds(const char *text)
{
	struct buffer b = {.most = 1000};

	assert_int_equal(file_read(path, &b), ERR_OK);
	assert_true(bytes_is(buffer_bytes(&b), text));
	buffer_done(&b);
}

static void test_what_is_written_is_read_with_its_mode(void **state unused_arg)
{
	struct stat about;

	assert_int_equal(file_write(path, bytes_text("first"), 0640), ERR_OK);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0640);
	assert_holds("first");
	assert_int_equal(file_write(path, bytes_text("second"), 0600), ERR_OK);
	assert_holds("second");
	assert_int_equal(files_in_folder(), 1);
}

static void test_a_new_file_never_replaces_one(void **state unused_arg)
{
	assert_int_equal(file_write_new(path, bytes_text("mine"), 0600), ERR_OK);
	assert_int_equal(file_write_new(path, bytes_text("other"), 0600), ERR_EXISTS);
	assert_holds("mine");
	assert_int_equal(files_in_folder(), 1);
}

static void test_a_failed_write_leaves_what_was_there(void **state unused_arg)
{
	char folder_path[200];

	assert_int_equal(file_write(path, bytes_text("kept"), 0600), ERR_OK);
	/* A folder stands where the file should go: rename fails after all was written. */
	(void)snprintf(folder_path, sizeof folder_path, "%s/dir", folder);
	assert_int_equal(mkdir(folder_path, 0700), 0);
	assert_int_equal(file_write(folder_path, bytes_text("x"), 0600), ERR_FILE);
	assert_int_equal(files_in_folder(), 2);
	assert_int_equal(rmdir(folder_path), 0);
	assert_holds("kept");
	assert_int_equal(file_write("/nowhere/at/all", bytes_text("x"), 0600), ERR_FILE);
}

static void test_what_is_no_file_or_too_long_is_not_read(void **state unused_arg)
{
	struct buffer b = {.most = 4};

	assert_int_equal(file_read(path, &b), ERR_FILE);
	assert_int_equal(file_read(folder, &b), ERR_FILE);
	assert_int_equal(file_write(path, bytes_text("12345"), 0600), ERR_OK);
	assert_int_equal(file_read(path, &b), ERR_TOO_LONG);
	assert_int_equal(b.n, 0);
	(void)unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes into it: it must not hold us */
	assert_int_equal(file_read(path, &b), ERR_FILE);
	buffer_done(&b);
}

static const uint8_t seed[SIGN_SEED] = {1, 2, 3};

static void test_a_key_comes_back(void **state unused_arg)
{
	struct sign_key expected, got;
	struct stat	about;

	sign_key_from_seed(&expected, seed);
	assert_int_equal(key_file_write_new(path, seed), ERR_OK);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0600);
	assert_int_equal(key_file_read(path, &got, NULL), ERR_OK);
	assert_true(public_key_equal(&expected.pub, &got.pub));
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(key_file_read(path, &got, NULL), ERR_OK);
	assert_int_equal(key_file_write_new(path, seed), ERR_EXISTS);
}

static void test_a_folder_is_private(void **state unused_arg)
{
	struct stat about;

	assert_int_equal(folder_make_private(path), 0);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0700);
	assert_int_equal(folder_make_private(path), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(rmdir(path), 0);
}

/* A command typed as root in the home of a service leaves what the service can read. */
static void test_what_root_makes_is_the_folders(void **state unused_arg)
{
	struct sign_key key;
	struct fault	fault = {.err = ERR_OK};
	struct stat	about;

	if (geteuid() != 0) {
		printf("skipped: only root gives files away\n");
		skip();
	}
	assert_int_equal(chown(folder, 65533, 65532), 0);
	assert_int_equal(key_file_write_new(path, seed), ERR_OK);
	assert_int_equal(stat(path, &about), 0);
	assert_true(about.st_uid == 65533 && about.st_gid == 65532 && (about.st_mode & 07777) == 0600);
	assert_int_equal(key_file_read(path, &key, NULL), ERR_OK);
	assert_int_equal(chown(path, 0, 0), 0); /* root's own */
	assert_int_equal(key_file_read(path, &key, NULL), ERR_OK);
	assert_int_equal(chown(path, 65531, 65531), 0); /* a third user's */
	assert_int_equal(key_file_read(path, &key, &fault), ERR_MODE);
	assert_true(strstr(fault.found, "65531") && strstr(fault.help, "chown"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(folder_make_private(path), 0);
	assert_int_equal(stat(path, &about), 0);
	assert_true(about.st_uid == 65533 && about.st_gid == 65532);
	assert_int_equal(rmdir(path), 0);
}

static void test_a_key_that_others_may_read_is_refused(void **state unused_arg)
{
	static const mode_t modes[] = {0640, 0604, 0660, 0644, 0700, 0620, 04600};
	struct sign_key	    key;

	assert_int_equal(key_file_write_new(path, seed), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		struct fault fault = {.err = ERR_OK};

		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(key_file_read(path, &key, &fault), ERR_MODE);
		assert_int_equal(fault.err, ERR_MODE);
		assert_true(strstr(fault.help, "chmod 600") && fault.help_ar[0]);
	}
}

/* Who restored a ledger and reads this must not be told to make other keys. */
static void test_a_key_that_is_not_there_is_to_be_put_back(void **state unused_arg)
{
	struct sign_key key;
	struct fault	fault = {.err = ERR_OK};

	assert_int_equal(key_file_read(path, &key, &fault), ERR_FILE);
	assert_int_equal(fault.err, ERR_FILE);
	assert_true(strstr(fault.help, "put it back") && strstr(fault.help, "no ledger yet"));
	assert_true(strstr(fault.help_ar, "لا سجل له بعد"));
}

static void test_a_key_of_another_form_is_refused(void **state unused_arg)
{
	static const char *const forms[] = {
		"",
		"mithaq-key/1 ed25519 AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"mithaq-key/1 ed25519 AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n",
		"mithaq-key/1 ed25519  AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"mithaq-key/2 ed25519 AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"mithaq-key/1 ed25519 AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n",
		"mithaq-key/1 ed25519 AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
		"mithaq-key/1 ed25519 AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"-----BEGIN PRIVATE KEY-----\n",
	};
	struct sign_key key;

	assert_int_equal(file_write(path, bytes_text("mithaq-key/1 ed25519 AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0600), ERR_OK);
	assert_int_equal(key_file_read(path, &key, NULL), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct fault fault = {.err = ERR_OK};

		assert_int_equal(file_write(path, bytes_text(forms[i]), 0600), ERR_OK);
		assert_int_not_equal(key_file_read(path, &key, &fault), ERR_OK);
		assert_string_equal(fault.found, ""); /* it may be most of a secret */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_written_is_read_with_its_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_new_file_never_replaces_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failed_write_leaves_what_was_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_file_or_too_long_is_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_that_is_not_there_is_to_be_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_folder_is_private, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_root_makes_is_the_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_that_others_may_read_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_of_another_form_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("proc/files", tests, NULL, NULL);
}
