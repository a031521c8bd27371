# setup.sh: installs the Debian packages that are missing, and says which. Sourced by ./run, ./test and ./dev.
#
#   setup_packages build        what building and running needs
#   setup_packages check        what `dev check` and `dev fuzz` add
#   setup_packages model        what `dev model` adds
#   setup_packages bench        what `dev bench` adds
#   setup_packages odbc         drivers and a database for the tests of ODBC
#   setup_packages api          what judges the descriptions of the API in the end-to-end tests
#   setup_packages rehearsal    what makes a package and joins two machines
#   setup_packages metrics      promtool, which judges the alerts in the end-to-end tests
#   setup_packages package      what `dev package` adds

SETUP_build="gcc libc6-dev meson ninja-build pkg-config python3 python3-nacl
libssl-dev libsodium-dev libevent-dev libsqlite3-dev libyaml-dev libjansson-dev libutf8proc-dev libseccomp-dev libxml2-dev libcmocka-dev unixodbc-dev"
SETUP_check="clang clang-tidy clang-format libclang-rt-14-dev"
SETUP_model="gcc libc6-dev spin"
SETUP_bench="nginx-light wrk openssl"
SETUP_odbc="libsqliteodbc odbc-postgresql postgresql"
SETUP_api="nodejs npm openssl curl"
SETUP_rehearsal="build-essential debhelper dpkg-dev iproute2"
SETUP_metrics="prometheus"
SETUP_package="build-essential debhelper dpkg-dev lintian systemd"

setup_missing() {
	local package
	for package in "$@"; do
		# nginx-light and nginx bring the same program; an installed one of either kind is enough.
		[ "$package" = nginx-light ] && [ -x /usr/sbin/nginx ] && continue
		# Node.js and npm come in other packages too.
		case $package in nodejs) command -v node >/dev/null && continue ;; npm) command -v npm >/dev/null && continue ;; esac
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
	done
}

setup_packages() {
	local group list="" missing as_root=""
	for group in "$@"; do
		eval "list=\"\$list \$SETUP_$group\""
	done
	if ! command -v dpkg-query >/dev/null; then
		echo "setup: this is not Debian: please install the equivalents of:$list" >&2
		return 0
	fi
	# shellcheck disable=SC2086
	missing=$(setup_missing $list | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		as_root=sudo
		command -v sudo >/dev/null || { echo "setup: run this once as root: apt-get install $missing" >&2; return 1; }
	fi
	echo "setup: installing with apt-get: $missing"
	local log
	log=$(mktemp)
	# shellcheck disable=SC2086
	if { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -n 20 "$log" >&2
	rm -f "$log"
	echo "setup: apt-get could not install: $missing" >&2
	return 1
}
