#!/bin/sh
# Do records go through? Sends 20 news, and waits until they can be queried. Exit 0 if so; else 1, with the workers' last lines.
set -u
compose="${COMPOSE:-docker compose -f $(cd "$(dirname "$0")/.." && pwd)/compose.yaml}"
count=20
run="smoke-$(date +%s)"
number=0
now="$(date -u +%Y-%m-%dT%H:%M:%SZ)"
while [ "$number" -lt "$count" ]; do
    printf '{"id": "%s-%s", "source": "smoke", "title": "Boeing wins order number %s", "published_at": "%s"}\n' \
        "$run" "$number" "$number" "$now"
    number=$((number + 1))
done | $compose exec -T worker finsent produce /dev/stdin --topic news || { echo "FAILED: records could not be sent"; exit 1; }
deadline=$(($(date +%s) + ${SMOKE_SECONDS:-120}))
while [ "$(date +%s)" -lt "$deadline" ]; do
    stored="$($compose exec -T worker finsent sql --format csv \
        "SELECT count() FROM documents WHERE startsWith(document_id, '$run-')" 2>/dev/null | tail -n 1 | tr -d '\r')"
    if [ "$stored" = "$count" ]; then
        echo "PASSED: $count records sent, $count stored once and scored"
        exit 0
    fi
    sleep 1
done
echo "FAILED: $count records sent, ${stored:-0} stored"
$compose logs --tail 20 worker
exit 1
