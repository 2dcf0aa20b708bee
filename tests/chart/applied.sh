# Sourced by run.sh: every value set as a real API server sees it.

split() { # split FILE DIRECTORY: each document into a file KIND-NUMBER.yaml
	mkdir -p "$2"
	python3 - "$1" "$2" <<-'END'
		import pathlib, re, sys
		text = pathlib.Path(sys.argv[1]).read_text()
		for number, document in enumerate(re.split(r"^---$", text, flags=re.M)):
		    kind = re.search(r"^kind: (\S+)$", document, flags=re.M)
		    if kind:
		        name = f"{kind[1]}-{number:02}.yaml"
		        pathlib.Path(sys.argv[2], name).write_text(document)
	END
}

apply_strictly() { # apply_strictly NAME FILE
	local object kind
	split "$2" "$work/split/$1"
	for object in "$work/split/$1"/*.yaml; do
		kind=$(basename "$object" | sed 's/-.*//')
		case $kind in
		Issuer | Certificate | PrometheusRule | ServiceMonitor)
			skipped[$kind]=$((${skipped[$kind]:-0} + 1))
			continue
			;;
		esac
		"$kubectl" apply --server-side --dry-run=server --validate=strict --field-manager=chart-test \
			-f "$object" >"$work/applied" 2>&1 && pass || fail "$1: $kind" "$(cat "$work/applied")"
		# What the API server warns of is about to be wrong.
		expect "$1: warnings for $kind" "" "$(grep -i '^warning' "$work/applied")"
	done
}

# pod_of FILE: a Pod made of the Deployment's template.
pod_of() {
	"$kubectl" create --dry-run=client -o json -f "$1" | python3 -c '
import json, sys
template = json.load(sys.stdin)["spec"]["template"]
template["metadata"]["name"] = "detour"
json.dump({"apiVersion": "v1", "kind": "Pod", **template}, sys.stdout)'
}

step "strict field validation of every value set"
declare -A skipped=()
for namespace in detour mirror 123 456; do "$kubectl" create namespace $namespace >/dev/null; done
for values in "$here"/values/*.yaml; do
	name=$(basename "$values" .yaml)
	apply_strictly "$name" "$work/$name.yaml"
done
"$helm" template 123 chart --namespace 456 --values "$here/values/numbers.yaml" >"$work/release-123.yaml" ||
	fail "a release and a namespace that are numbers are refused"
apply_strictly release-123 "$work/release-123.yaml"
apply_strictly empty "$work/empty.yaml"
apply_strictly install "$work/install.yaml"
for kind in "${!skipped[@]}"; do
	echo "not applied, as its CRD is not here: $kind (${skipped[$kind]} times)"
done

step "the definitions"
render >"$work/definitions.yaml"
apply_strictly definitions "$work/definitions.yaml"
for file in chart/files/crds/*.json; do
	rendered=$(grep -l "^  name: $(basename "$file" .json)$" "$work/split/definitions"/CustomResourceDefinition-*)
	"$kubectl" create --dry-run=client -o json -f "$rendered" | python3 -c '
import json, sys
rendered, file = json.load(sys.stdin), json.load(open(sys.argv[1]))
kept = {"helm.sh/resource-policy": "keep", "argocd.argoproj.io/sync-options": "Prune=false"}
is_kept = rendered["metadata"].get("annotations") == kept
rendered["metadata"] = {"name": rendered["metadata"]["name"]}
sys.exit(rendered != file or not is_kept)' "$file" && pass || fail "the chart does not render $file and keep it"
done

step "the restricted Pod Security level"
"$kubectl" create namespace restricted >/dev/null
"$kubectl" label namespace restricted pod-security.kubernetes.io/enforce=restricted >/dev/null
for name in default fail everything single; do
	pod_of "$work/split/$name"/Deployment-*.yaml >"$work/pod.json"
	sed -i 's/"namespace": "detour"/"namespace": "restricted"/' "$work/pod.json"
	"$kubectl" -n restricted create --dry-run=server -f "$work/pod.json" >"$work/applied" 2>&1 &&
		pass || fail "$name is not within restricted" "$(cat "$work/applied")"
done
pod_of "$work/split/host-network"/Deployment-*.yaml >"$work/pod.json"
"$kubectl" -n restricted create --dry-run=server -f "$work/pod.json" >"$work/applied" 2>&1 &&
	fail "hostNetwork is within restricted: then say so in values.yaml" || pass
