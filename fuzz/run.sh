#!/usr/bin/env bash
# Runs every fuzz target for a while, from the committed inputs and those found
# before. New inputs are kept in fuzz/corpus, those that fail in fuzz/artifacts.
#
# usage: bash fuzz/run.sh SECONDS      for each target
#
# Needs cargo-fuzz.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=$1
# The sanitizers are of the nightly compiler; this lets the stable one build them.
export RUSTC_BOOTSTRAP=1

targets=$(cargo fuzz list)
failed=()
for target in $targets; do
	case $target in
	admit) seeds=tests/data/reviews ;;
	*) seeds=fuzz/seeds/$target ;;
	esac
	mkdir -p "fuzz/corpus/$target"
	printf '\n==> %s\n' "$target"
	cargo fuzz run "$target" "fuzz/corpus/$target" "$seeds" -- \
		-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || {
	echo "fuzz/run.sh: failed: ${failed[*]}; the inputs are in fuzz/artifacts" >&2
	exit 1
}
