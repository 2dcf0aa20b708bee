#!/bin/sh
# Counts instructions under callgrind: of Reference::parse per byte and of
# Mapping::decide per image, each with its ratio to the smallest case, and of
# admit on each recorded review.
# Needs valgrind. Prints Markdown tables.
set -eu
cd "$(dirname "$0")/.."

# Symbols are what callgrind finds the measured functions by.
export CARGO_PROFILE_BENCH_STRIP=false CARGO_PROFILE_BENCH_DEBUG=line-tables-only
bench=$(cargo bench --bench instructions --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*instructions[^"]*\)".*/\1/p' | tail -n 1)
report=$(mktemp)
trap 'rm -f "$report"' EXIT

# count FUNCTION ARGUMENTS...: the callgrind report of one case.
count() {
    function=$1
    shift
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --cache-sim=yes \
        --collect-atstart=no "--toggle-collect=*$function*" "$bench" "$@" >"$report" 2>&1
}

# counted NAME: a number of that report, without commas.
counted() {
    sed -n "s/^==[0-9]*== *$1:* *\([0-9,]*\).*/\1/p" "$report" | head -n 1 | tr -d ,
}

# ratio NUMBER DIVISOR DECIMALS
ratio() {
    awk -v a="$1" -v b="$2" -v d="$3" 'BEGIN { printf "%.*f", d, a / b }'
}

echo '| parse | bytes | instructions | per byte | ratio |'
echo '|---|---:|---:|---:|---:|'
for shape in host path hyphens; do
    first=
    for bytes in 1000 10000 100000; do
        count measured_parse parse "$shape" "$bytes"
        instructions=$(counted 'I *refs')
        per_byte=$(ratio "$instructions" "$bytes" 3)
        first=${first:-$per_byte}
        echo "| $shape | $bytes | $instructions | $per_byte | $(ratio "$per_byte" "$first" 2) |"
    done
done

echo
echo '| admit | bytes | instructions | per byte |'
echo '|---|---:|---:|---:|'
for review in benches/data/review.json tests/data/reviews/*.json; do
    count measured_admit admit "$review"
    instructions=$(counted 'I *refs')
    bytes=$(wc -c <"$review")
    per_byte=$(ratio "$instructions" "$bytes" 1)
    echo "| $(basename "$review" .json) | $bytes | $instructions | $per_byte |"
done

images=4000
echo
echo '| decide | rules | instructions per image | ratio | L1 data misses | last-level misses |'
echo '|---|---:|---:|---:|---:|---:|'
for targets in literal template; do
    first=
    for rules in 10 1000 100000; do
        count measured_decide decide "$targets" "$rules"
        per_image=$(ratio "$(counted 'I *refs')" $images 0)
        first=${first:-$per_image}
        l1=$(ratio "$(counted 'D1 *misses')" $images 1)
        last=$(ratio "$(counted 'LLd *misses')" $images 1)
        echo "| $targets | $rules | $per_image | $(ratio "$per_image" "$first" 2) | $l1 | $last |"
    done
done

echo
echo '```'
"$bench"
echo '```'
