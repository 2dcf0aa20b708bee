# Sourced by run.sh: the chart with its default values, and instances of it that
# have nothing but the rights of the chart's roles.

own=own-webhook # the namespace
command_of() { # command_of NAMESPACE RELEASE: flags and account of an installed release
	mapfile -t flags < <("$kubectl" -n "$1" get deployment "$2" -o json | flags_of "$work/no-rules" "$work/no-rules")
	as_account "$1" "$2" >"$work/$1.kubeconfig"
	# The configuration will call 127.0.0.1, as there is no network of pods.
	flags+=("--kubeconfig=$work/$1.kubeconfig" --tls-names=127.0.0.1)
}

instance() { # instance NAME NAMESPACE RELEASE: starts one; sets admission and operations
	read -r admission operations < <(free_ports 2)
	command_of "$2" "$3"
	POD_NAME=$1 POD_NAMESPACE=$2 background "$1" "$detour" "${flags[@]}"
}

bundle() { "$kubectl" get mutatingwebhookconfiguration "$1" -o 'jsonpath={.webhooks[0].clientConfig.caBundle}'; }
authority() { "$kubectl" -n $own get secret detour-self-tls -o 'jsonpath={.data.ca\.crt}'; }
value() { curl -sS "http://127.0.0.1:$1/metrics" | awk -v name="$2" '$1 == name { print $2 + 0 }'; }
helm_in() { # helm_in NAMESPACE VERB RELEASE ARGUMENTS...
	"$helm" "$2" "$3" chart --namespace "$1" "${@:4}" >"$work/helm.out" 2>&1
}

# refused_upgrade WHAT WORDS ARGUMENTS...: helm says so, and nothing is changed
refused_upgrade() {
	helm_in $own upgrade detour "${@:3}" && fail "$1 is not refused" || pass
	grep -qF -- "$2" "$work/helm.out" && pass || fail "why $1 is refused" "$(cat "$work/helm.out")"
}

step "helm install with the default values"
helm_in $own install detour --create-namespace && pass || fail "helm install" "$(cat "$work/helm.out")"
[[ $(cat "$work/helm.out") == *'kubectl get imagemaps,clusterimagemaps'* ]] && pass || fail "NOTES.txt does not name the maps"
"$kubectl" wait --for=condition=established --timeout=30s crd -l app.kubernetes.io/instance=detour >/dev/null && pass || fail "the definitions"
expect "drift right after the install" "" "$("$helm" get manifest detour --namespace $own | "$kubectl" diff -f - 2>&1)"
expect "caBundle before there is an instance" "" "$(bundle detour)"
instance detour-a $own detour
first=$operations
wait_until 30 "a caBundle" has_bundle detour && pass || fail "caBundle is empty" "$(tail -n 3 "$work/detour-a.log")"
instance detour-b $own detour
wait_until 30 "a ready detour" is_ready && pass || fail "detour is not ready" "$(is_ready; tail -n 3 "$work/detour-b.log")"
expect "caBundle" "$(authority)" "$(bundle detour)"

step "upgrades leave caBundle alone"
before=$(value "$first" detour_ca_bundle_writes_total)
helm_in $own upgrade detour --reuse-values --set webhook.timeoutSeconds=3 && pass || fail "helm upgrade" "$(cat "$work/helm.out")"
expect "the upgraded configuration" "3 $(authority)" \
	"$("$kubectl" get mutatingwebhookconfiguration detour -o 'jsonpath={.webhooks[0].timeoutSeconds} {.webhooks[0].clientConfig.caBundle}')"
helm_in $own upgrade detour --reuse-values --set templates.enabled=true && pass || fail "helm upgrade" "$(cat "$work/helm.out")"
wait_until 20 "caBundle of one more webhook" has_bundle detour && pass || fail "the webhook of templates has no caBundle"
helm_in $own upgrade detour --reuse-values --set templates.enabled=false && pass || fail "helm upgrade" "$(cat "$work/helm.out")"
expect "caBundle of the one that stayed" "$(authority)" "$(bundle detour)"
writes() { echo $(($(value "$first" detour_ca_bundle_writes_total) + $(value "$operations" detour_ca_bundle_writes_total))); }
[ "$(writes)" -le $((before + 1)) ] && pass || fail "caBundle was written $(writes) times: an upgrade wiped it"
"$kubectl" delete mutatingwebhookconfiguration detour >/dev/null
helm_in $own upgrade detour --reuse-values && pass || fail "helm upgrade" "$(cat "$work/helm.out")"
# An instance that has just written it waits for 30 s.
wait_until 40 "caBundle after the glass was broken" has_bundle detour && pass || fail "caBundle does not come back"

step "a pod is rewritten by an object"
"$kubectl" patch mutatingwebhookconfiguration detour --type=json -p "[
	$(operation remove 0 service), $(operation add 0 url ",\"value\":\"https://127.0.0.1:$admission/mutate\"")]" >/dev/null || fail "the URL"
cluster_map() { # cluster_map NAME TARGET [MORE PYTHON]
	echo "{'apiVersion': 'detour.dev/v1alpha1', 'kind': 'ClusterImageMap', 'metadata': {'name': '$1'}, 'spec': {${3:-} 'rules': [{'prefix': 'docker.io', 'to': '$2'}]}}"
}
create "$(cluster_map watch watched.example.com "'mode': 'Observe', 'priority': 1,")" >/dev/null
create "$(cluster_map hub mirror.example.com/dockerhub)" >/dev/null && pass || fail "a ClusterImageMap is refused"
wait_until 30 "a rewritten pod" rewritten && pass || fail "no pod is rewritten" "$(create "$(pod probe)" --dry-run=server 2>&1; is_ready)"
create "{'apiVersion': 'detour.dev/v1alpha1', 'kind': 'ImageMap', 'metadata': {'name': 'team'}, 'spec': {'rules': [{'prefix': 'quay.io', 'to': 'mirror.example.com/quay'}]}}" -n shop >/dev/null
create "$(cluster_map late other.example.com/dockerhub)" >/dev/null
# name, Ready, Reason: the columns of `kubectl get im,cim`
columns() { "$kubectl" get im,cim -A --no-headers | sed 's|^.*image[^ ]*/||' | awk '{ print $1, $(NF-2), $(NF-1) }' | sort | xargs; }
told() { [ "$(columns)" = "hub True InForce late False Conflict team True InForce watch True InForce" ]; }
wait_until 40 "what becomes of the maps" told && pass || fail "kubectl get im,cim" "$("$kubectl" get im,cim -A)"
expect "the status" "detour-status 1 1" \
	"$("$kubectl" get cim hub -o 'jsonpath={.metadata.managedFields[?(@.subresource=="status")].manager} {.status.observedGeneration} {.status.conditions[0].observedGeneration}')"
has_event() { "$kubectl" get events -A -o 'jsonpath={range .items[*]}{.reason} {.regarding.name}{.involvedObject.name}{"\n"}{end}' | grep -qx 'Conflict late'; }
wait_until 20 "an Event" has_event && pass || fail "there is no Event of the conflict"
expect "leaders" 1 "$(($(value "$first" detour_leader) + $(value "$operations" detour_leader)))"

step "the Secret is deleted"
before=$(authority)
"$kubectl" -n $own delete secret detour-self-tls >/dev/null
wait_until 20 "the Secret" authority && pass || fail "the Secret does not come back"
expect "its authority" "$before" "$(authority)"
rewritten && pass || fail "no pod is rewritten after the Secret was deleted"

step "what the account may not do"
for what in 'get secrets' 'list secrets' 'get secrets/other' 'create pods' 'update imagemaps' 'patch clusterimagemaps' \
	'list configmaps' 'delete mutatingwebhookconfigurations/detour' 'patch mutatingwebhookconfigurations/other' 'create leases' \
	'update mutatingwebhookconfigurations/detour' 'get customresourcedefinitions/other'; do
	read -r verb object <<<"$what"
	expect "may the account $what?" no "$("$kubectl" auth can-i "$verb" "$object" -n $own --as "system:serviceaccount:$own:detour" 2>/dev/null)"
done
for name in detour-a detour-b; do
	expect "what is forbidden to $name" "" "$(grep -i forbidden "$work/$name.log")"
done

step "the metrics that dashboard and runbook name"
curl -sS "http://127.0.0.1:$operations/metrics" >"$work/metrics"
for name in $(grep -ohE 'detour_[a-z_]+' chart/dashboards/detour.json chart/files/alerts.yaml docs/operations.md | sort -u); do
	grep -qE "^(# TYPE )?${name%_total}(_total|[ {]|$)" "$work/metrics" && pass || fail "there is no metric $name"
done
expect "outdated definitions" "0 0" "$(awk '/^detour_crd_outdated/ { print $2 }' "$work/metrics" | xargs)"
expect "calls that failed" 0 "$(metric 'apiserver_admission_webhook_fail_open_count{name="pods.detour.dev"')"

step "another release beside it"
helm_in other-webhook install other --create-namespace && fail "two releases with the definitions are not refused" || pass
grep -q 'CustomResourceDefinition.*cannot be imported' "$work/helm.out" && pass || fail "why two are refused" "$(cat "$work/helm.out")"
helm_in other-webhook install other --create-namespace --set fullnameOverride=other --set crds.install=false --set sources.api=false \
	&& pass || fail "another release" "$(cat "$work/helm.out")"
before=$(bundle detour)
instance other-a other-webhook other
wait_until 30 "the other's caBundle" has_bundle other && pass || fail "the other's caBundle is empty" "$(tail -n 3 "$work/other-a.log")"
[ "$(bundle other)" != "$before" ] && pass || fail "two releases have one authority"
expect "the first one's caBundle" "$before" "$(bundle detour)"
expect "may the other write it?" no "$("$kubectl" auth can-i patch mutatingwebhookconfigurations/detour \
	--as system:serviceaccount:other-webhook:other 2>/dev/null)"
"$helm" uninstall other --namespace other-webhook >/dev/null 2>&1 && pass || fail "helm uninstall"

step "another tls.mode"
"$kubectl" delete mutatingwebhookconfiguration detour >/dev/null # with the URL of this test
from_secret=(--set tls.mode=existingSecret --set tls.existingSecret=webhook-certificate)
refused_upgrade "leaving self at once" "tls.self.patchWebhook=false first" "${from_secret[@]}" --set-file "tls.caBundle=$work/ca.crt"
helm_in $own upgrade detour --reset-values --set tls.self.patchWebhook=false && pass || fail "without patchWebhook" "$(cat "$work/helm.out")"
[[ $(cat "$work/helm.out") == *'ca\.crt'* ]] && pass || fail "NOTES.txt does not say where caBundle comes from" "$(cat "$work/helm.out")"
helm_in $own upgrade detour --reuse-values --set "tls.caBundle=$(authority)" && pass || fail "caBundle as the notes say" "$(cat "$work/helm.out")"
expect "caBundle as it was given" "$(authority)" "$(bundle detour)"
expect "may the account write it?" no "$("$kubectl" auth can-i patch mutatingwebhookconfigurations/detour \
	--as "system:serviceaccount:$own:detour" 2>/dev/null)"
refused_upgrade "another mode under Fail" "webhook.failurePolicy=Ignore first" --reset-values "${from_secret[@]}" \
	--set-file "tls.caBundle=$work/ca.crt" --set webhook.failurePolicy=Fail
injected=(--set "webhook.annotations.cert-manager\.io/inject-ca-from=$own/detour")
helm_in $own upgrade detour --reset-values "${from_secret[@]}" "${injected[@]}" && pass || fail "a Secret" "$(cat "$work/helm.out")"
refused_upgrade "leaving cert-manager unawares" "keep that with tls.mode=certManager" --reset-values
"$kubectl" annotate mutatingwebhookconfiguration detour cert-manager.io/inject-ca-from- >/dev/null
refused_upgrade "self under Fail at once" "webhook.failurePolicy=Ignore first" --reset-values --set webhook.failurePolicy=Fail
helm_in $own upgrade detour --reset-values && pass || fail "back to self" "$(cat "$work/helm.out")"

step "what helm uninstall leaves"
helm_in $own upgrade detour --reuse-values --set crds.install=false && pass || fail "crds.install=false" "$(cat "$work/helm.out")"
expect "definitions that are no longer the release's" 2 "$("$kubectl" get crd -l app.kubernetes.io/instance=detour -o name | wc -l)"
"$helm" uninstall detour --namespace $own >/dev/null 2>&1 && pass || fail "helm uninstall"
expect "maps" "hub late team watch" "$("$kubectl" get im,cim -A -o 'jsonpath={.items[*].metadata.name}' | xargs -n1 | sort | xargs)"
expect "roles" "" "$("$kubectl" get clusterrole,clusterrolebinding -l app.kubernetes.io/instance=detour -o name; "$kubectl" -n $own get role,rolebinding -o name)"
expect "the rest" "secret/detour-self-tls" "$("$kubectl" -n $own get secret,deployment,service,configmap,serviceaccount -o name)"
helm_in $own install detour && pass || fail "the same release once more" "$(cat "$work/helm.out")"
