#!/bin/bash
# build.sh: makes the Debian package of this tree in build-package/. Called by `./dev package`, which sees to what it needs.
#
# The version is that of meson.build. What is built is the tree as it stands, without what is built or hidden in it; so it
# works in a checkout and in an unpacked archive alike. With SOURCE_DATE_EPOCH two builds of one tree are the same, byte by byte.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh
VERSION=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
OUT=$PWD/build-package
SOURCE=$OUT/mithaq-$VERSION
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y meson.build)}"
export SOURCE_DATE_EPOCH

fail() { echo "package: $*" >&2; exit 1; }

[ -n "$VERSION" ] || fail "meson.build tells no version"
rm -rf "$OUT"
mkdir -p "$SOURCE"
tar -c --exclude='./build*' --exclude=./.git --exclude=./.run --exclude=./.test --exclude=__pycache__ . | tar -x -C "$SOURCE"
cp -r packaging/debian "$SOURCE/debian"
sed "s/@BUILD@/$(echo $SETUP_build | sed 's/ /, /g')/" packaging/debian/control.in >"$SOURCE/debian/control"
rm "$SOURCE/debian/control.in"
cat >"$SOURCE/debian/changelog" <<CHANGES
mithaq ($VERSION) unstable; urgency=medium

  * What changed stands in /usr/share/doc/mithaq/CHANGELOG.md.

 -- $(sed -n 's/^Maintainer: //p' packaging/debian/control.in)  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
CHANGES
chmod -R go=u-w "$SOURCE"
(cd "$SOURCE" && dpkg-buildpackage -b -us -uc) >"$OUT/build.log" 2>&1 || { tail -n 40 "$OUT/build.log" >&2; fail "it does not build, see $OUT/build.log"; }
rm -rf "$SOURCE"
ls -l "$OUT"/mithaq_*.deb | awk '{ printf "%s  %d bytes\n", $NF, $5 }'
