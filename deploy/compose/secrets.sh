#!/bin/sh
# Makes the secrets that are missing in deploy/compose/secrets: passwords, the key of pseudonyms, a certificate of its own for
# localhost, and one user of the console. Nothing that is there is changed.
set -eu
umask 022
folder="$(cd "$(dirname "$0")" && pwd)/secrets"
mkdir -p "$folder"
chmod 700 "$folder"
for name in clickhouse pseudonym_key console_session grafana; do
    [ -s "$folder/$name" ] || openssl rand -hex 24 | tr -d '\n' > "$folder/$name"
done
if [ ! -s "$folder/console_key.pem" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$folder/console_key.pem" -out "$folder/console_certificate.pem" 2>/dev/null
fi
# The files belong to whoever made them, and the containers' user must read them; the folder keeps others out.
chmod 644 "$folder"/*
if [ ! -s "$folder/console_users.yaml" ]; then
    if ! finsent="$(command -v finsent)"; then
        finsent="$(dirname "$0")/../../.venv/bin/finsent"
    fi
    password="$(openssl rand -hex 8)"
    echo "$password" | "$finsent" console add-user "$folder/console_users.yaml" admin --role admin --password-stdin >/dev/null
    chmod 644 "$folder/console_users.yaml"
    echo "console: user admin, password $password"
fi
