"""Answers through unixODBC: SQLite's driver, and a real PostgreSQL in a folder that dies with the test."""
import contextlib
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from gateways import Pair, free_port, until

CLAUSE = "customs/declaration-status"
KNOWN, SLOW, TWICE, UNKNOWN = "2026-0048817", "2026-SLOW", "2026-TWICE", "2026-9999999"
SECRET = "correct-horse;battery=staple"
SQLITE = next((str(p) for p in Path("/usr/lib").glob("*/odbc/libsqlite3odbc.so")), None)
POSTGRES = next((str(p) for p in Path("/usr/lib").glob("*/odbc/psqlodbcw.so")), None)
BIN = max((p for p in Path("/usr/lib/postgresql").glob("*/bin") if (p / "postgres").exists()), default=None)
SELECT = 'SELECT status, released_on AS "released-on" FROM declarations WHERE number = :declaration'


def provide(p, connection, statement=SELECT, more=""):
    """Puts an ODBC source in the place of the sample's own."""
    path = p.kw.home / "mithaq.yaml"
    text = path.read_text()
    begin, end = text.index(f"  {CLAUSE}:"), text.index("  border/travel-document-status:")
    path.write_text(text[:begin] + f"  {CLAUSE}:\n    odbc: \"{connection}\"\n    statement: {statement}\n    timeout: 1 s\n{more}" + text[end:])


def sqlite_of(p):
    """The connection to the sample's database, with a row that the tests know."""
    with contextlib.closing(sqlite3.connect(p.kw.database)) as db, db:
        db.execute("INSERT OR REPLACE INTO declarations VALUES (?, 'KWSAA', 'released', '2026-11-17', '2026-11-20', '', '', '')", (KNOWN,))
    return f"Driver={SQLITE};Database={p.kw.database}"


def ask(p, declaration=KNOWN):
    return p.us.query(CLAUSE, declaration=declaration, purpose="duty-assessment", check=False)


def answer(p, declaration=KNOWN):
    return p.us.query(CLAUSE, declaration=declaration, purpose="duty-assessment")


def answered_again(p):
    done = ask(p)
    return done.returncode == 0 and "answered" in done.stdout


class Postgres:
    """A server of our own on a loopback port, its words in a file; ended by its id."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mithaq-pg-"))
        self.port, self.process = free_port(), None
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        try:
            (self.folder / "pw").write_text("only for this test\n")
            if self.user:
                os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
                os.chown(self.folder / "pw", pwd.getpwnam("postgres").pw_uid, -1)
            self.do("initdb", "-D", self.folder / "data", "-U", "owner", "-A", "scram-sha-256", "--pwfile", self.folder / "pw", "-E", "UTF8",
                    "--locale=C.UTF-8", "--no-sync")
            self.start()
            self.sql(f"""
                CREATE TABLE declarations(number text PRIMARY KEY, status text, released_on date, weight numeric(18,3));
                INSERT INTO declarations VALUES ('{KNOWN}', 'released', '2026-11-20', 18450.000), ('س-1', 'held', NULL, 1);
                CREATE VIEW both_of_them AS SELECT number, status, released_on FROM declarations UNION ALL SELECT '{TWICE}', 'held', NULL
                    UNION ALL SELECT '{TWICE}', 'lodged', NULL;
                CREATE TABLE touched(at text);
                CREATE FUNCTION touch(what text) RETURNS text LANGUAGE sql AS 'INSERT INTO touched VALUES (what) RETURNING ''released''';
                CREATE ROLE reads LOGIN PASSWORD '{SECRET}';
                GRANT SELECT ON declarations, both_of_them TO reads;
                CREATE ROLE writes LOGIN PASSWORD '{SECRET}';
                GRANT SELECT, INSERT ON touched TO writes;
            """)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *trouble):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def do(self, program, *words, check=True):
        return subprocess.run([*self.user, BIN / program, *map(str, words)], check=check, capture_output=True, text=True, cwd="/", timeout=120,
                              env={**os.environ, "PGPASSWORD": "only for this test"})

    def start(self):
        words = [*self.user, BIN / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                 "-c", "unix_socket_directories=", "-c", "fsync=off"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        until("PostgreSQL is ready", lambda: self.do("pg_isready", "-h", "127.0.0.1", "-p", self.port, check=False).returncode == 0)

    def stop(self, how=signal.SIGINT):
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def sql(self, text):
        return self.do("psql", "-h", "127.0.0.1", "-p", self.port, "-U", "owner", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-At", "-c", text).stdout

    def connection(self, account="reads"):
        return f"Driver={POSTGRES};Server=127.0.0.1;Port={self.port};Database=postgres;UID={account}"


def password(p, text):
    folder = p.kw.home / "credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "database").write_text(text + "\n")
    (folder / "database").chmod(0o600)


def missing():
    if POSTGRES is None or BIN is None:
        return "odbc-postgresql or postgresql is not installed"
    return None


def workers(party):
    return sorted(pid for name, pid in party.children() if "worker" in name)


def test_a_database_of_sqlite_answers_through_its_driver_and_is_confined():
    if SQLITE is None:
        return "libsqliteodbc is not installed"
    with Pair() as p:
        provide(p, sqlite_of(p))
        p.start()
        said = answer(p)
        assert (said["result"], said["fields"]) == ("hit", {"status": "released", "released_on": "2026-11-20"}), said
        before = workers(p.kw)
        for _ in range(20):
            assert answer(p, UNKNOWN)["result"] == "no-hit"
        assert workers(p.kw) == before, p.kw.journal()
        p.wait_equal()


def test_a_driver_that_hangs_is_ended_and_the_gateway_goes_on():
    if SQLITE is None:
        return "libsqliteodbc is not installed"
    endless = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE :declaration = '{SLOW}') SELECT 'held' AS status, max(i) AS i FROM n"
    with Pair() as p:
        provide(p, sqlite_of(p), f"SELECT status FROM ({endless}) WHERE :declaration <> '{UNKNOWN}'")
        p.start()
        before = workers(p.kw)
        done = ask(p, SLOW)
        assert done.returncode != 0 and "provider-failed" in done.stdout + done.stderr, done
        until("the journal says so", lambda: '"code":"provider-hung"' in p.kw.journal())
        until("another worker", lambda: len(workers(p.kw)) == len(before) and workers(p.kw) != before)
        # The other workers, and the next question of this one, know nothing of it.
        assert p.us.query("border/travel-document-status", document="P9999999", country="KW", purpose="border-check")["result"] == "no-hit"
        until("an answer", lambda: ask(p).returncode == 0)
        p.wait_equal()


def test_a_real_database_answers():
    if missing():
        return missing()
    with Postgres() as db, Pair() as p:
        password(p, SECRET)
        provide(p, db.connection(), SELECT.replace("declarations", "both_of_them"), "    credential: database\n")
        p.start()
        said = answer(p)
        assert (said["result"], said["fields"]) == ("hit", {"status": "released", "released_on": "2026-11-20"}), said
        before = workers(p.kw)
        assert answer(p, UNKNOWN)["result"] == "no-hit"
        done = ask(p, TWICE)
        assert done.returncode != 0, done.stdout
        assert '"code":"provider-ambiguous"' in p.kw.journal()
        assert answer(p)["result"] == "hit"
        assert workers(p.kw) == before, p.kw.journal()
        assert SECRET not in p.kw.journal() and KNOWN not in p.kw.journal()
        p.wait_equal()


def test_a_wrong_password_is_told_by_its_state_alone_and_mended_without_a_restart():
    if missing():
        return missing()
    with Postgres() as db, Pair() as p:
        password(p, "wrong-" + SECRET)
        provide(p, db.connection(), more="    credential: database\n")
        p.start()
        until("the journal says so", lambda: "SQLSTATE" in p.kw.journal())
        assert SECRET not in p.kw.journal(), p.kw.journal()
        assert ask(p).returncode != 0
        password(p, SECRET)
        until("an answer", lambda: ask(p).returncode == 0)


def test_a_database_that_was_started_again_is_found_out_before_anybody_asks():
    if missing():
        return missing()
    with Postgres() as db, Pair() as p:
        password(p, SECRET)
        provide(p, db.connection(), more="    credential: database\n")
        p.start()
        assert answer(p)["result"] == "hit"
        before = workers(p.kw)
        db.stop()
        until("the loss is noticed", lambda: '"code":"provider-lost"' in p.kw.journal())
        assert ask(p).returncode != 0
        db.start()
        # Nobody asks before the worker is back: it must not need a question that fails.
        until("a worker that is connected", lambda: db.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'reads'").strip() == "1")
        until("an answer", lambda: ask(p).returncode == 0)
        assert workers(p.kw) != before
        p.wait_equal()


def test_a_slow_statement_is_stopped_by_the_database_and_its_connection_stays():
    if missing():
        return missing()
    with Postgres() as db, Pair() as p:
        password(p, SECRET)
        slow = f"SELECT CASE WHEN :declaration = '{SLOW}' THEN (SELECT 'held' FROM pg_sleep(30)) ELSE 'released' END AS status"
        provide(p, db.connection(), slow, "    credential: database\n")
        p.start()
        assert answer(p)["result"] == "hit"
        before = workers(p.kw)
        began = time.monotonic()
        assert ask(p, SLOW).returncode != 0
        assert time.monotonic() - began < 15
        assert '"code":"provider-timeout"' in p.kw.journal() or '"code":"provider-hung"' in p.kw.journal(), p.kw.journal()
        if '"code":"provider-hung"' not in p.kw.journal():
            assert answer(p)["result"] == "hit"
            assert workers(p.kw) == before


def test_what_a_statement_writes_all_the_same_is_rolled_back():
    if missing():
        return missing()
    with Postgres() as db, Pair() as p:
        password(p, SECRET)
        provide(p, db.connection("writes"), "SELECT touch(:declaration) AS status", "    credential: database\n")
        p.start()
        assert answer(p)["fields"] == {"status": "released"}
        assert db.sql("SELECT count(*) FROM touched").strip() == "0"
        # and with an account that may only read the database itself says no
    with Postgres() as db, Pair() as p:
        password(p, SECRET)
        provide(p, db.connection("reads"), "SELECT touch(:declaration) AS status", "    credential: database\n")
        p.start()
        assert ask(p).returncode != 0
        assert "SQLSTATE 42501" in p.kw.journal(), p.kw.journal()
