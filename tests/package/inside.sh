#!/bin/bash
# inside.sh DEB: installs the package on this machine as people do, and tries it; as root, in a machine that may be thrown away.
#
# systemd need not run here: then the gateway is started as the unit would, as the user mithaq. Each step prints `ok NAME` or ends all.
set -u
DEB=$(readlink -f "$1")
FEW=30 # seconds that installing and starting may take
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
fail() { echo "FAIL $*"; exit 1; }
ok()   { echo "ok $*"; }
[ "$(id -u)" -eq 0 ] || fail "this needs root"
[ ! -e /etc/mithaq ] && [ ! -e /var/lib/mithaq ] || fail "there is a gateway on this machine already"

install_it() { apt-get install -y -qq --no-install-recommends --reinstall "$DEB" >/tmp/install.log 2>&1 || { cat /tmp/install.log >&2; fail "apt-get install"; }; }
mode_of()    { stat -c '%U %a' "$1"; }
is()         { [ "$(mode_of "$1")" = "$2" ] || fail "$1: $(mode_of "$1"), not $2"; }
AS_GATEWAY=(setpriv --reuid mithaq --regid mithaq --clear-groups env HOME=/var/lib/mithaq MITHAQ_LOG=json)

began=$(date +%s%N)
install_it
installed=$(( ($(date +%s%N) - began) / 1000000 ))
[ "$installed" -lt $((FEW * 1000)) ] || fail "installing took $installed ms"
ok "installed in $installed ms, what it depends on included"

is /etc/mithaq "mithaq 750" && is /etc/mithaq/credentials "mithaq 700" && is /var/lib/mithaq "mithaq 700" && is /var/backups/mithaq "mithaq 700"
for file in /lib/systemd/system/mithaq{.service,-backup.service,-backup.timer} /usr/share/man/man1/mithaq.1.gz /usr/share/man/man5/mithaq.yaml.5.gz \
	/usr/share/bash-completion/completions/mithaq /usr/share/doc/mithaq/samples/customs-and-border.yaml /usr/share/doc/mithaq/docs/installing.md; do
	[ -f "$file" ] || fail "$file is not there"
done
ok "user, folders and pages"

mithaq init customs.kw.example >/dev/null || fail "mithaq init"
for key in keys/log.key keys/receipt.key keys/tls.key root/root-a.key root/root-b.key; do is "/etc/mithaq/$key" "mithaq 600"; done
[ -z "$(find /etc/mithaq /var/lib/mithaq ! -user mithaq)" ] || fail "not all belongs to the gateway's user"
# A chroot shares its host's ports.
echo "api: {listen: \"127.0.0.1:$((20000 + RANDOM % 20000))\"}" >>/etc/mithaq/mithaq.yaml
mithaq agreement check /usr/share/doc/mithaq/samples/customs-and-border.yaml >/dev/null || fail "mithaq agreement check"
mithaq token new operator --cli >/dev/null 2>&1 || fail "mithaq token new"
mithaq upgrade --check >/dev/null || fail "mithaq upgrade --check"
ok "a party was made, and its files are the gateway's"

setpriv --reuid nobody --regid nogroup --clear-groups env HOME=/nonexistent TMPDIR=/tmp \
	mithaq try /usr/share/doc/mithaq/samples/customs-and-border.yaml --once --api "127.0.0.1:$((20000 + RANDOM % 20000))" >/tmp/try.log 2>&1 \
	|| { cat /tmp/try.log >&2; fail "mithaq try"; }
ok "anybody may try a sample, with no party"

# serves NAME: starts it, asks until it answers, ends it.
serves() {
	local began pid at
	began=$(date +%s%N)
	"${AS_GATEWAY[@]}" mithaq serve >/tmp/serve.log 2>&1 &
	pid=$!
	for ((at = 0; at < 300; at++)); do
		mithaq status >/dev/null 2>&1 && break
		kill -0 $pid 2>/dev/null || { cat /tmp/serve.log >&2; fail "$1: it ended"; }
		sleep 0.02
	done
	mithaq status >/dev/null || fail "$1: it does not answer"
	echo "ok $1, answering after $(( ($(date +%s%N) - began) / 1000000 )) ms"
	kill -TERM $pid && wait $pid || fail "$1: it did not end in order"
}
serves "the gateway runs as its user"

chmod 644 /etc/mithaq/keys/log.key
"${AS_GATEWAY[@]}" mithaq serve >/tmp/serve.log 2>&1 && fail "a key that others may read was taken"
grep -q 'found 0644' /tmp/serve.log || fail "the mode of the key is not told"
chmod 600 /etc/mithaq/keys/log.key
ok "a key that others may read is refused"

"${AS_GATEWAY[@]}" env -C /var/backups/mithaq /usr/libexec/mithaq/backup /var/backups/mithaq 2 >/dev/null || fail "backup"
[ "$(ls /var/backups/mithaq | wc -l)" -eq 1 ] || fail "there is no backup"
ok "a backup is written and verified"

before=$(find /etc/mithaq /var/lib/mithaq -type f ! -name 'ledger.db-*' -exec sha256sum {} + | sort)
install_it
install_it
[ "$before" = "$(find /etc/mithaq /var/lib/mithaq -type f ! -name 'ledger.db-*' -exec sha256sum {} + | sort)" ] || fail "installing again changed what is ours"
serves "installed again twice, nothing changed"

apt-get remove -y -qq mithaq >/dev/null 2>&1 || fail "apt-get remove"
[ -f /etc/mithaq/keys/log.key ] && [ -f /var/lib/mithaq/ledger.db ] && [ ! -e /usr/bin/mithaq ] || fail "removal took what is ours, or left what is not"
apt-get purge -y -qq mithaq >/dev/null 2>&1 || fail "apt-get purge"
[ -f /etc/mithaq/keys/log.key ] && [ -f /var/lib/mithaq/ledger.db ] || fail "a purge took keys or ledger"
install_it
serves "removed, purged and installed again with the same keys and ledger"
MITHAQ_PURGE=everything apt-get purge -y -qq mithaq >/dev/null 2>&1 || fail "apt-get purge"
[ ! -e /etc/mithaq ] && [ ! -e /var/lib/mithaq ] && [ ! -e /var/backups/mithaq ] || fail "something is left"
ok "a purge of everything leaves nothing"
