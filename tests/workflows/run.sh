#!/usr/bin/env bash
# The tests of .github: actionlint, and what the project asks of its workflows
# besides.
#
# usage: bash tests/workflows/run.sh
#
# Needs Go, which builds actionlint once into a cache outside the tree,
# $DETOUR_CI_CACHE or detour-ci in the user's cache directory. Uses shellcheck
# where there is one.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
cache=${DETOUR_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/detour-ci}
actionlint=$cache/actionlint-$(cat "$here"/go.{mod,sum} | sha256sum | cut -c 1-16)
workflows=(.github/workflows/*.yaml)
scripts=(release/*.sh fuzz/run.sh tests/release/run.sh tests/workflows/run.sh)
failures=0

fail() { # fail WHAT LINES: unless there are none
	[ -n "$2" ] || return 0
	failures=$((failures + 1))
	printf 'FAILED: %s\n%s\n' "$1" "$2"
}

if [ ! -x "$actionlint" ]; then
	mkdir -p "$cache"
	(cd "$here" && CGO_ENABLED=0 GOFLAGS='' go build -mod=readonly -buildvcs=false -trimpath \
		-o "$actionlint.$$" github.com/rhysd/actionlint/cmd/actionlint)
	mv "$actionlint.$$" "$actionlint"
fi
"$actionlint" -no-color || failures=$((failures + 1))
if command -v shellcheck >/dev/null; then
	shellcheck "${scripts[@]}" || failures=$((failures + 1))
else
	echo "shellcheck is not in PATH: the scripts were not read by it"
fi

fail "an action is not pinned by a commit, with its version beside it" \
	"$(grep -nE '^ *(- )?uses:' "${workflows[@]}" |
		grep -vE 'uses: (\./[a-z./-]+|[A-Za-z0-9._/-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+)$')"
fail "an action is pinned in two ways" \
	"$(grep -hoE '[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(/[a-z]+)?@[0-9a-f]{40} # .*' "${workflows[@]}" |
		sed -E 's|^([^/@]+/[^/@]+)[^@]*|\1|' | sort -u | cut -d @ -f 1 | uniq -d)"
fail "Docker Hub is named" \
	"$(grep -rniE 'docker\.io|docker *hub|hub\.docker|index\.docker' .github release)"
fail "what a stranger writes runs with the rights of the repository" \
	"$(grep -nE 'pull_request_target|workflow_run' "${workflows[@]}")"
# An expression is pasted into the script before a shell reads it.
fail "an expression stands in a script" "$(awk '
	{ match($0, /^ */) }
	is_script && NF && RLENGTH <= indent { is_script = 0 }
	/^ *(- )?run:/ { is_script = 1; indent = index($0, "run:") - 1 }
	is_script && /\$\{\{/ { print FILENAME ":" FNR ": " $0 }' "${workflows[@]}")"
for workflow in "${workflows[@]}"; do
	count() { grep -cE "$1" "$workflow" || true; }
	[ "$(count '^permissions: \{\}$')" = 1 ] || fail "$workflow" "does not begin without permissions"
	[ "$(count '^concurrency:$')" = 1 ] || fail "$workflow" "may run twice at once"
	[ "$(count '^    runs-on:')" = "$(count '^    timeout-minutes:')" ] ||
		fail "$workflow" "has a job without a limit of time"
	[ "$(count 'actions/checkout@')" = "$(count '^ +persist-credentials: false$')" ] ||
		fail "$workflow" "leaves a token in the checkout"
done
[ "$failures" = 0 ] && echo "workflows: ${#workflows[@]} files are as they should be"
exit "$((failures > 0))"
