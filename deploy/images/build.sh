#!/bin/sh
# Builds one image without Docker, by buildah: deploy/images/build.sh worker (or console, scheduler, worker-gpu). BASE names a
# Debian 12 image; without it one is made by debootstrap.
set -eu
target="$1"
cd "$(dirname "$0")/../.."
base="${BASE:-localhost/debian:bookworm-slim}"
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    [ -z "${BASE:-}" ] || { echo "there is no image $base"; exit 1; }
    folder="$(mktemp -d)"
    debootstrap --variant=minbase bookworm "$folder/root" >"$folder/log" 2>&1 || { tail -n 5 "$folder/log"; exit 1; }
    # As the public base image does: no lists of packages, no manuals, no languages.
    rm -rf "$folder"/root/var/lib/apt/lists/* "$folder"/root/var/cache/apt/* "$folder"/root/usr/share/doc/* \
        "$folder"/root/usr/share/man/* "$folder"/root/usr/share/info/* "$folder"/root/usr/share/locale/* "$folder"/root/var/log/*.log
    container="$(buildah from scratch)"
    buildah add --quiet "$container" "$folder/root/" >/dev/null
    buildah commit --quiet "$container" "$base" >/dev/null
    buildah rm "$container" >/dev/null
    rm -rf "$folder"
fi
set -- --isolation chroot --layers --format docker --build-arg "BASE=$base" --target "$target" \
    --tag "localhost/finsent-$target:0.1.0" --file deploy/images/Containerfile
# What pip is told here, by PIP_*, it is told there: by secrets, of which nothing stays in the image.
secrets="$(mktemp -d)"
trap 'rm -rf "$secrets"' EXIT
{
    echo '[global]'
    [ -z "${PIP_CERT:-}" ] || echo 'cert = /run/secrets/pip-ca'
    for name in index-url extra-index-url trusted-host proxy default-timeout retries; do
        value="$(printenv "PIP_$(printf %s "$name" | tr a-z- A-Z_)" || true)"
        [ -z "$value" ] || echo "$name = $value"
    done
} > "$secrets/pip"
set -- "$@" --secret "id=pip,src=$secrets/pip"
[ -z "${PIP_CERT:-}" ] || set -- "$@" --secret "id=pip-ca,src=$PIP_CERT"
buildah build "$@" .
