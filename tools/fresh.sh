# fresh.sh: a fresh Debian 12 in a folder, as root, with debootstrap. Sourced by ./dev and tests/package/run.py.
#
#   fresh_make TOP         lays it into the empty folder TOP, and mounts its /proc
#   fresh_do TOP WORDS     runs them there, in its folder /mithaq when there is one
#   fresh_away TOP         takes it away again

fresh_mirror() {
	{ sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources
	  sed -n 's/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list; } 2>/dev/null \
		| grep -m1 '/debian/\{0,1\}$' || { echo "fresh: no Debian mirror is named in this machine's apt sources" >&2; return 1; }
}

# What the machine needs to reach its mirror: names, proxies and certificates; the chroot has nothing else of ours.
fresh_network() {
	cp -L /etc/resolv.conf /etc/hosts "$1/etc/" 2>/dev/null
	local file
	for file in /etc/apt/apt.conf.d/*; do
		grep -qiE 'Acquire|Proxy|Verify' "$file" && cp "$file" "$1/etc/apt/apt.conf.d/"
	done
	cp -r /usr/local/share/ca-certificates "$1/usr/local/share/" 2>/dev/null
	chroot "$1" update-ca-certificates >/dev/null 2>&1
	return 0
}

fresh_make() {
	local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	mirror=$(fresh_mirror) || return 1
	chmod 755 "$1" # mktemp made it root's alone; its users must reach their own /
	echo "fresh: debootstrap bookworm from $mirror into $1"
	debootstrap --variant=minbase --keyring="$keyring" --include=ca-certificates bookworm "$1" "$mirror" >"$1.log" 2>&1 \
		|| { tail -n 20 "$1.log" >&2; echo "fresh: debootstrap did not finish" >&2; return 1; }
	rm -f "$1.log"
	fresh_network "$1"
	mount -t proc proc "$1/proc"
	mkdir -p "$1/dev/net"
	[ -e "$1/dev/net/tun" ] || mknod "$1/dev/net/tun" c 10 200
}

fresh_do() {
	local start=$SECONDS rc
	echo "fresh: $2"
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" chroot "$1" /bin/bash -c "cd /mithaq 2>/dev/null; $2"
	rc=$?
	echo "fresh: $2 ended with $rc after $((SECONDS - start)) s"
	return $rc
}

fresh_away() {
	if mountpoint -q "$1/proc"; then umount "$1/proc" || return 1; fi
	rm -rf --one-file-system "$1"
}
