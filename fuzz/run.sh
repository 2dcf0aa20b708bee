#!/usr/bin/env bash
# Runs fuzz targets for a while, from the committed inputs and those found
# before. New inputs are kept in fuzz/corpus, those that fail in fuzz/artifacts.
#
# usage: bash fuzz/run.sh SECONDS [TARGET...]      for each target; all, if none is named
#
# 0 seconds run every input that is there once and find no new ones.
#
# Needs cargo-fuzz.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=$1
shift
# The sanitizers are of the nightly compiler; this lets the stable one build them.
export RUSTC_BOOTSTRAP=1

seeds() { # seeds TARGET: the directory of its committed inputs
	case $1 in
	admit) echo tests/data/reviews ;;
	*) echo "fuzz/seeds/$1" ;;
	esac
}

gather() { # gather TARGET: inputs out of what the tests have
	local count=0 input
	case $1 in
	reference)
		while IFS=$'\t' read -r input _; do
			count=$((count + 1))
			printf '%s' "$input" >"fuzz/corpus/reference/vector-$count"
		done < <(grep -v '^# ' tests/data/references.tsv)
		;;
	rules)
		cp examples/rules.yaml fuzz/corpus/rules/example
		cp tests/golden/rules.yaml fuzz/corpus/rules/golden
		;;
	esac
}

limits=(-timeout=10 -rss_limit_mb=2048)
if [ "$seconds" -eq 0 ]; then limits+=(-runs=0); else limits+=("-max_total_time=$seconds"); fi
[ $# -gt 0 ] || mapfile -t all < <(cargo fuzz list)
failed=()
for target in "${@-${all[@]}}"; do
	mkdir -p "fuzz/corpus/$target"
	gather "$target"
	printf '\n==> %s\n' "$target"
	cargo fuzz run "$target" "fuzz/corpus/$target" "$(seeds "$target")" -- "${limits[@]}" ||
		failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || {
	echo "fuzz/run.sh: failed: ${failed[*]}; the inputs are in fuzz/artifacts" >&2
	exit 1
}
