#!/bin/sh
# Counts instructions under callgrind, which do not depend on what else the
# machine does. Needs valgrind.
#
# usage: benches/instructions.sh          all cases, as Markdown tables
#        benches/instructions.sh check    the cases of instructions.txt: fails
#                                         where one takes 5 % more than it says,
#                                         or the first more than is promised
#        benches/instructions.sh update   writes instructions.txt anew
#
# BENCH names the benchmark's binary; without it, it is built for the host.
# instructions.txt is of the static binary for x86_64, as it ships: its memcpy
# is musl's, the same on every processor.
set -eu
cd "$(dirname "$0")/.."

RUNS=10
# What is promised of the review with four images.
PROMISED='admit benches/data/review.json'
PROMISED_MAX=100000
committed=benches/instructions.txt
bench=${BENCH:-$(cargo bench --locked --bench instructions --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*instructions[^"]*\)".*/\1/p' | tail -n 1)}
report=$(mktemp)
trap 'rm -f "$report"' EXIT

# events RUNS CASE...: instructions, and misses of both caches where they are
# simulated, of the whole process.
events() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --cache-sim="${caches:-no}" \
        "$bench" "$@" >"$report" 2>&1 || { cat "$report" >&2 && exit 1; }
    awk '/I +refs:/ { i = $NF }
         /D1 +misses:/ { d = $4 }
         /LLd misses:/ { l = $4 }
         END { gsub(",", "", i); gsub(",", "", d); gsub(",", "", l); print i, d + 0, l + 0 }' "$report"
}

# count CASE...: the same of one run, after a first.
count() {
    first=$(events 1 "$@")
    all=$(events $((RUNS + 1)) "$@")
    echo "$first $all" | awk -v n=$RUNS '
        function one(all, first) { return all > first ? (all - first) / n : 0 }
        { printf "%.0f %.0f %.0f\n", one($4, $1), one($5, $2), one($6, $3) }'
}

# ratio NUMBER DIVISOR DECIMALS
ratio() {
    awk -v a="$1" -v b="$2" -v d="$3" 'BEGIN { printf "%.*f", d, a / b }'
}

check() {
    failed=0
    printf '%-64s %12s %12s %8s\n' case committed now change
    while read -r before words; do
        case $before in '#'*) continue ;; esac
        # shellcheck disable=SC2086 # The words of the case.
        now=$(count $words | cut -d ' ' -f 1)
        change=$(awk -v a="$now" -v b="$before" 'BEGIN { printf "%+.1f", 100 * (a - b) / b }')
        verdict=$(awk -v c="$change" 'BEGIN { print (c > 5 ? "TOO MANY" : c < -5 ? "fewer: write them down by update" : "") }')
        [ "$words" != "$PROMISED" ] || [ "$now" -le "$PROMISED_MAX" ] || verdict="TOO MANY"
        printf '%-64s %12s %12s %7s%% %s\n' "$words" "$before" "$now" "$change" "$verdict"
        [ "$verdict" != "TOO MANY" ] || failed=1
    done <"$committed"
    return "$failed"
}

update() {
    renewed=$(mktemp)
    while read -r before words; do
        # shellcheck disable=SC2086 # The words of the case.
        case $before in
            '#'*) echo "$before $words" ;;
            *) echo "$(count $words | cut -d ' ' -f 1) $words" ;;
        esac
    done <"$committed" >"$renewed"
    mv "$renewed" "$committed"
    cat "$committed"
}

tables() {
    echo '| parse | bytes | instructions | per byte | ratio |'
    echo '|---|---:|---:|---:|---:|'
    for shape in host path hyphens; do
        first_ratio=
        for bytes in 1000 10000 100000; do
            instructions=$(count parse "$shape" "$bytes" | cut -d ' ' -f 1)
            per_byte=$(ratio "$instructions" "$bytes" 3)
            first_ratio=${first_ratio:-$per_byte}
            echo "| $shape | $bytes | $instructions | $per_byte | $(ratio "$per_byte" "$first_ratio" 2) |"
        done
    done

    echo
    echo '| admit | bytes | instructions | per byte | already rewritten | namespace exempt |'
    echo '|---|---:|---:|---:|---:|---:|'
    for review in benches/data/review.json tests/data/reviews/*.json; do
        row="| $(basename "$review" .json) | $(wc -c <"$review") |"
        for handling in admit settled exempt; do
            instructions=$(count "$handling" "$review" | cut -d ' ' -f 1)
            row="$row $instructions |"
            [ "$handling" != admit ] || row="$row $(ratio "$instructions" "$(wc -c <"$review")" 1) |"
        done
        echo "$row"
    done

    images=4000
    caches=yes
    echo
    echo '| decide | rules | instructions per image | ratio | L1 data misses | last-level misses |'
    echo '|---|---:|---:|---:|---:|---:|'
    for targets in literal template; do
        first_ratio=
        for rules in 10 1000 100000; do
            # shellcheck disable=SC2046 # Three numbers.
            set -- $(count decide "$targets" "$rules")
            per_image=$(ratio "$1" $images 0)
            first_ratio=${first_ratio:-$per_image}
            echo "| $targets | $rules | $per_image | $(ratio "$per_image" "$first_ratio" 2) | $(ratio "$2" $images 1) | $(ratio "$3" $images 1) |"
        done
    done
}

case ${1:-tables} in
    tables | check | update) "${1:-tables}" ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
