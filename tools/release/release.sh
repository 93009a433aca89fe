#!/usr/bin/env bash
# Builds what a release has: release.sh DIR VERSION LDFLAGS PLATFORM...
# The same commit gives the same bytes: no path, no time of the build is in them.
set -euo pipefail
cd "$(dirname "$0")/../.."
dist=$1 version=$2 ldflags=$3
shift 3
chart=charts/keycloak-scim-bridge

rm -rf "$dist"
mkdir -p "$dist"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -trimpath -ldflags "$ldflags" -o "$work/scim-bridge" ./cmd/scim-bridge
mkdir "$work/man" "$work/completions"
"$work/scim-bridge" man --out "$work/man"
for shell in bash zsh fish; do
  "$work/scim-bridge" completion "$shell" >"$work/completions/scim-bridge.$shell"
done

for platform in "$@"; do
  name=scim-bridge_${version}_${platform/\//_}
  mkdir "$work/$name"
  CGO_ENABLED=0 GOOS=${platform%/*} GOARCH=${platform#*/} go build -trimpath -ldflags "$ldflags" -o "$work/$name/scim-bridge" ./cmd/scim-bridge
  cp -r LICENSE README.md CHANGELOG.md "$work/man" "$work/completions" "$work/$name/"
  tar --sort=name --mode=u=rwX,go=rX --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work" -c "$name" | gzip -n >"$dist/$name.tar.gz"
  go tool -modfile=tools/release/go.mod cyclonedx-gomod bin -json -noserial -notimestamp -std -version "$version" -output "$dist/$name.cdx.json" "$work/$name/scim-bridge" 2>/dev/null
done
# Helm writes the files' times into the archive: a checkout's are of its day.
cp -r "$chart" "$work/"
find "$work/$(basename "$chart")" -exec touch --date=@0 {} +
go tool -modfile=tools/chart/go.mod helm package "$work/$(basename "$chart")" --destination "$dist" >/dev/null
(cd "$dist" && sha256sum -- * >SHA256SUMS)
cat "$dist/SHA256SUMS"
