#!/bin/sh
# Builds dist/callbackd_VERSION_ARCH.deb of the program dist/ARCH/callbackd, for
# `make package`. bin/callbackd is the same for this machine: it writes manuals
# and completions. The version is the one that Go put into the program. Two
# builds of one commit give the same bytes.
set -eu
umask 022
export LC_ALL=C TZ=UTC
ARCH=$1
TREE=dist/$ARCH/tree
# Who answers for the package, and the time of every file in it; else those of
# the commit.
: "${MAINTAINER:=$(git log -1 --format='%an <%ae>')}"
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
export ARCH TREE MAINTAINER SOURCE_DATE_EPOCH

# Debian sorts "~" before everything, as Go and semver do "-".
version=$(bin/callbackd version | awk '{ print $2 }')
VERSION=$(echo "$version" | sed -e 's/^v//' -e 's/^(devel)$/0-devel/' -e 's/-/~/' -e 's/-/./g')
export VERSION

put() { # file, place in the tree, mode
    install -D -m "${3:-644}" "$1" "$TREE/$2"
}

rm -rf "$TREE" && mkdir -p "$TREE"
put "dist/$ARCH/callbackd" usr/bin/callbackd 755
put configs/systemd/callbackd.service usr/lib/systemd/system/callbackd.service

bin/callbackd manual "$TREE/usr/share/man"
find "$TREE/usr/share/man" -type f -exec gzip -9n {} +
bin/callbackd completion bash >dist/completion
put dist/completion usr/share/bash-completion/completions/callbackd
bin/callbackd completion zsh >dist/completion
put dist/completion usr/share/zsh/vendor-completions/_callbackd
bin/callbackd completion fish >dist/completion
put dist/completion usr/share/fish/vendor_completions.d/callbackd.fish
rm dist/completion

for file in configs/asterisk/*.conf configs/asterisk/*.sql configs/grafana/*.json configs/prometheus/*.yml; do
    put "$file" "usr/share/callbackd/${file#configs/}"
done
put configs/asterisk/make-sounds.sh usr/share/callbackd/asterisk/make-sounds.sh 755

doc=usr/share/doc/callbackd
put configs/debian/copyright $doc/copyright
put README.md $doc/README.md
for file in docs/*.md; do
    put "$file" "$doc/$file"
done
put CHANGELOG.md $doc/changelog
printf 'callbackd (%s-1) unstable; urgency=medium\n\n  * Built of callbackd %s.\n\n -- %s  %s\n' "$VERSION" "$version" \
    "$MAINTAINER" "$(date -R -d "@$SOURCE_DATE_EPOCH")" >"$TREE/$doc/changelog.Debian"
gzip -9n "$TREE/$doc/changelog" "$TREE/$doc/changelog.Debian"
put configs/debian/lintian-overrides usr/share/lintian/overrides/callbackd

$NFPM package --config configs/debian/nfpm.yaml --packager deb --target "dist/callbackd_${VERSION}-1_$ARCH.deb"
rm -rf "dist/$ARCH"
