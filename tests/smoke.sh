#!/usr/bin/env bash
# Starts the given binary, sends it every recorded review by curl, and compares
# the answers with the golden files.
#
# usage: bash tests/smoke.sh BINARY
set -euo pipefail
binary=$(readlink -f "$1")
cd "$(dirname "$(readlink -f "$0")")"
work=$(mktemp -d)
trap 'kill "$process" 2>/dev/null || true; rm -rf "$work"' EXIT

mkfifo "$work/start"
"$binary" serve --tls dev --rules golden/rules.yaml --exempt-namespaces= --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 \
	>"$work/start" 2>"$work/log" &
process=$!
# The line to paste stands last and names the port.
url=$(grep -m 1 -o 'https://[^ ]*' "$work/start")

compare='
import base64, json, sys
got, want = (json.load(open(path)) for path in sys.argv[1:])
patch = got["response"].get("patch")
if patch:
    got["response"]["patch"] = json.loads(base64.b64decode(patch))
sys.exit(got != want)
'
count=0
for review in data/reviews/*.json; do
	curl -sS --fail -k -o "$work/answer" -H 'Content-Type: application/json' \
		--data-binary "@$review" "$url?timeout=5s"
	python3 -c "$compare" "$work/answer" "golden/reviews/$(basename "$review")" || {
		echo "smoke: the answer to $review is not its golden file:" >&2
		cat "$work/answer" >&2
		exit 1
	}
	count=$((count + 1))
done
status=$(curl -sS -k -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/json' -d '{' "$url")
[ "$status" = 400 ] || { echo "smoke: a malformed body was answered $status" >&2; exit 1; }
kill -TERM "$process"
echo "smoke: $count reviews answered as recorded"
