#!/usr/bin/env bash
# The chart's tests: what it renders, what it refuses, and what a real API
# server makes of it.
#
# usage: tests/chart/run.sh [rendered]
#
# With `rendered` only what needs no API server.
#
# Programs are looked for in $KUBEBUILDER_ASSETS, then in PATH: helm, and for
# the second half kubectl, kube-apiserver and etcd. What is absent is skipped
# with a line, or is a failure when CI is set. Also needs curl, openssl and
# python3. DETOUR_BINARY names the built detour; without it `cargo build` makes
# one. UPDATE_GOLDEN=1 refreshes golden/, refused.txt, chart/README.md and
# install/detour.yaml.
set -uo pipefail
assets=${KUBEBUILDER_ASSETS:+$(readlink -f "$KUBEBUILDER_ASSETS")}
detour=${DETOUR_BINARY:+$(readlink -f "$DETOUR_BINARY")}
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
here=tests/chart
failures=0 checks=0

find_program() { # find_program NAME: its path, or nothing
	local path=${assets:+$assets/$1}
	if [ -n "$path" ] && [ -x "$path" ]; then echo "$path"; else command -v "$1"; fi
}

absent() { # absent WHAT SKIPPED: the end, if that is no failure here
	echo "chart tests: $1 is neither in KUBEBUILDER_ASSETS nor in PATH: $2 skipped"
	if [ -n "${CI:-}" ]; then
		echo "FAILED: CI is set, and nothing may be skipped"
		exit 1
	fi
	exit "$((failures > 0))"
}

pass() { checks=$((checks + 1)); }

fail() { # fail WHAT [MORE...]
	failures=$((failures + 1))
	printf 'FAILED: %s\n' "$1"
	[ $# -eq 1 ] || printf '%s\n' "${@:2}"
}

expect() { # expect WHAT WANTED FOUND
	if [ "$2" = "$3" ]; then pass; else fail "$1" "  wanted: $2" "  found:  $3"; fi
}

same() { # same GOLDEN FOUND: compares files, or refreshes the first
	if [ -n "${UPDATE_GOLDEN:-}" ]; then
		cp "$2" "$1"
	elif diff -u "$1" "$2"; then
		pass
	else
		fail "$1 is not what is rendered now; UPDATE_GOLDEN=1 tests/chart/run.sh writes it"
	fi
}

render() { # render ARGUMENTS...
	"$helm" template detour chart --namespace detour "$@"
}

step() { echo "==> $1 (${SECONDS} s)"; }

helm=$(find_program helm) || absent helm "all"
work=$(mktemp -d)
export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm
# shellcheck source=tests/chart/server.sh
. $here/server.sh
trap 'stop_server; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

step "lint and golden files"
for values in "$here"/values/*.yaml; do
	name=$(basename "$values" .yaml)
	"$helm" lint --strict --quiet chart --namespace detour --values "$values" >"$work/lint" 2>&1 && pass ||
		fail "helm lint --strict with $values" "$(cat "$work/lint")"
	# The definitions are compared with their files below, once.
	render --values "$values" --set crds.install=false >"$work/$name.yaml" 2>"$work/errors" || fail "$values is refused"
	expect "words on stderr with $values" "" "$(cat "$work/errors")"
	same "$here/golden/$name.yaml" "$work/$name.yaml"
done

step "refusals"
while IFS= read -r line; do
	case $line in
	'#'*) echo "$line" ;;
	'$ '*)
		echo "$line"
		read -r -a arguments <<<"${line#\$ }"
		if render "${arguments[@]}" >/dev/null 2>"$work/errors"; then
			echo "NOT REFUSED"
			echo "$line is not refused" >>"$work/admitted"
		fi
		# The faults alone: where in a template they were found is no matter,
		# and helm tells those of the schema in any order.
		grep -E '^ *- ' "$work/errors" | LC_ALL=C sort
		;;
	esac
done <"$here/refused.txt" >"$work/refused.txt"
same "$here/refused.txt" "$work/refused.txt"
[ ! -e "$work/admitted" ] && pass || fail "$(cat "$work/admitted")"

"$helm" template detour chart --kube-version 1.29.0 >/dev/null 2>"$work/errors" &&
	fail "Kubernetes 1.29 is not refused" ||
	expect "why Kubernetes 1.29 is refused" \
		"Error: chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.29.0" \
		"$(head -n 1 "$work/errors")"

"$helm" template 2nd.eu chart >/dev/null 2>"$work/errors" && fail "a name that no Service can have is not refused" ||
	expect "why the release 2nd.eu is refused" \
		"  - 2nd.eu-detour cannot name a Service: set fullnameOverride, a letter first, then letters, digits and -" \
		"$(grep '^  - ' "$work/errors")"
python3 -c '
import json
rules = [{"exact": "docker.io/library/a:%05d" % n, "to": "mirror.example.com/" + 80 * "a"} for n in range(8000)]
print(json.dumps({"rules": {"large": {"spec": {"rules": rules}}}}))' >"$work/large.json"
render --values "$work/large.json" >/dev/null 2>"$work/errors" && fail "rules that no ConfigMap holds are not refused" ||
	expect "why large rules are refused" \
		"  - rules are 1160108 bytes, and a ConfigMap holds 1048576: mount the rest by extraVolumes, and name it by extraArgs: [--rules=PATH]" \
		"$(grep '^  - ' "$work/errors")"

step "values left empty"
python3 -B $here/schema.py >"$work/empty.json" && pass || fail "values.schema.json and values.yaml do not go together"
render --values "$work/empty.json" >"$work/empty.yaml" 2>"$work/errors" && pass ||
	fail "values left empty are refused" "$(cat "$work/errors")"

step "what is generated"
python3 $here/readme.py >"$work/README.md" && same chart/README.md "$work/README.md" ||
	fail "chart/README.md cannot be made"
HELM=$helm bash install/generate.sh >"$work/install.yaml" && same install/detour.yaml "$work/install.yaml" ||
	fail "install/detour.yaml cannot be made"
same_version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
expect "appVersion, which is Detour's version" "$same_version" \
	"$(sed -n 's/^appVersion: //p' chart/Chart.yaml)"

if [ "${1:-}" = rendered ]; then
	echo "chart tests: $checks checks passed, $failures failed, ${SECONDS} s; no API server was asked"
	exit "$((failures > 0))"
fi
kubectl=$(find_program kubectl) || absent kubectl "the API server's half is"
apiserver=$(find_program kube-apiserver) || absent kube-apiserver "the API server's half is"
etcd=$(find_program etcd) || absent etcd "the API server's half is"
if [ -z "$detour" ]; then
	step "cargo build"
	cargo build --quiet || fail "cargo build"
	detour=${CARGO_TARGET_DIR:-target}/debug/detour
fi

step "values of former systems"
for config in tests/data/migrate/*/*/config; do
	system=$(basename "$(dirname "$(dirname "$config")")")
	"$detour" migrate "$system" "$config" --values "$work/former.yaml" --report "$work/former.txt" >/dev/null &&
		render --values "$work/former.yaml" >/dev/null 2>"$work/errors" && pass ||
		fail "values made of $config are refused" "$(cat "$work/errors")"
done

step "a real API server"
if start_server; then
	# shellcheck source=tests/chart/applied.sh
	. $here/applied.sh
	# shellcheck source=tests/chart/end_to_end.sh
	. $here/end_to_end.sh
	# shellcheck source=tests/chart/default.sh
	. $here/default.sh
else
	fail "the API server did not start"
fi
if ((failures > 0)); then
	for log in "$work"/*.log; do
		[ -e "$log" ] && echo "--- the end of $(basename "$log")" && tail -n 15 "$log" | cut -c 1-400
	done
fi
echo "chart tests: $checks checks passed, $failures failed, ${SECONDS} s"
exit "$((failures > 0))"
