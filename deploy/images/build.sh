#!/bin/sh
# Builds one image without Docker, by buildah: deploy/images/build.sh worker (or console, scheduler, worker-gpu). BASE names a
# Debian 12 image; without it one is made by debootstrap. PIP_CA is a file of certificates for pip, where it needs one.
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
if [ -n "${PIP_CA:-}" ]; then
    configuration="$(mktemp)"
    printf '[global]\ncert = /host-ca.crt\n' > "$configuration"
    chmod 644 "$configuration"
    set -- "$@" --volume "$configuration:/etc/pip.conf:ro" --volume "$PIP_CA:/host-ca.crt:ro"
fi
exec buildah build "$@" .
