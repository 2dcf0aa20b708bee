# Sourced by run.sh: helm install, upgrade and uninstall; and what the installed
# webhook configuration does with the real detour behind it.

release() { # release VERB ARGUMENTS...
	"$helm" "$1" detour chart --namespace image-webhook "${@:2}" >"$work/helm.out" 2>&1 ||
		fail "helm $1" "$(cat "$work/helm.out")"
}

webhooks() { "$kubectl" get mutatingwebhookconfigurations -o name; }

# How many reviews detour has answered.
calls() {
	curl -sS "http://127.0.0.1:$operations/metrics" |
		awk '/^detour_admissions_total/ { sum += $2 } END { print sum + 0 }'
}

# called N WHAT COMMAND...: the command succeeds and costs N calls.
called() {
	local wanted=$1 what=$2 before
	shift 2
	before=$(calls)
	"$@" >"$work/called" 2>&1 && pass || fail "$what is refused" "$(head -c 500 "$work/called")"
	expect "calls for $what" "$wanted" "$(($(calls) - before))"
}

# refused_by_validation N WHAT COMMAND...: the object itself is wrong. The API
# server says so, not the webhook, whose conditions could be evaluated.
refused_by_validation() {
	local wanted=$1 what=$2 before
	shift 2
	before=$(calls)
	"$@" >"$work/called" 2>&1 && fail "$what is admitted" || pass
	grep -qiE 'webhook|condition|expression' "$work/called" &&
		fail "$what is refused by the webhook" "$(head -c 500 "$work/called")" || pass
	expect "calls for $what" "$wanted" "$(($(calls) - before))"
}

image() { # image NAME [NAMESPACE]: of the first container
	"$kubectl" -n "${2:-default}" get pod "$1" -o 'jsonpath={.spec.containers[0].image}'
}

create() { # create JSON...: python that gives an object
	python3 -c "import json; print(json.dumps($1))" | "$kubectl" create "${@:2}" -f -
}

pod() { # pod NAME [MORE PYTHON]: a pod with one container
	echo "{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': '$1', ${2:-}}, 'spec': {'containers': [{'name': 'a', 'image': 'nginx'}]}}"
}

patch() { # patch NAME TYPE PATCH
	"$kubectl" patch pod "$1" --type="$2" -p "$3"
}

# --- a certificate for 127.0.0.1, as tls.mode existingSecret has it
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=chart-test-ca \
	-addext keyUsage=critical,keyCertSign -keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=detour \
	-keyout "$work/tls.key" -out "$work/tls.csr" 2>/dev/null
openssl x509 -req -in "$work/tls.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
	-extfile <(echo 'subjectAltName=IP:127.0.0.1') -out "$work/tls.crt" 2>/dev/null

# flags_of RULES MORE: the flags of the container in the Deployment on stdin, a
# line each, with places and ports of this test, and without a drain to wait for.
flags_of() {
	python3 -c '
import json, sys
print(*json.load(sys.stdin)["spec"]["template"]["spec"]["containers"][0]["args"], sep="\n")' | sed \
		-e "s|^--listen=.*|--listen=127.0.0.1:$admission|" \
		-e "s|^--ops-listen=.*|--ops-listen=127.0.0.1:$operations|" -e 's|^--drain=.*|--drain=0|' \
		-e "s|^--harbor-url=.*|--harbor-url=https://127.0.0.1:$harbor|" -e "s|/etc/detour/harbor-ca/|$work/|" \
		-e "s|/etc/detour/harbor/|$work/account/|" \
		-e "s|/etc/detour/rules|$1|" -e "s|/etc/detour/more|$2|" -e "s|/etc/detour/tls|$work|"
}

# What the instance has made of Harbor's projects.
harbor_rules() { curl -sS "http://127.0.0.1:$operations/rules" | awk -F'\t' '$2 == "harbor" { print $6, $7 }' | sort | xargs; }

has_harbor() { [ "$(harbor_rules)" = "$1" ]; } # has_harbor RULES

is_ready() { curl -fsS "http://127.0.0.1:$operations/readyz"; }

# as_account NAMESPACE ACCOUNT: a kubeconfig with nothing but the account's rights.
as_account() {
	local token
	token=$("$kubectl" -n "$1" create token "$2") && sed "s|token: chart-test|token: $token|" "$KUBECONFIG"
}

# Every webhook of the configuration has a CA.
has_bundle() { # has_bundle CONFIGURATION
	local found
	found=$("$kubectl" get mutatingwebhookconfiguration "$1" -o 'jsonpath={range .webhooks[*]}[{.clientConfig.caBundle}]{end}') &&
		[[ -n $found && $found != *'[]'* ]]
}

# All sources were read; the certificate is there, or its CA where it has to be.
is_up() { # is_up CONFIGURATION OR-NOTHING
	! curl -fsS "http://127.0.0.1:$operations/metrics" | grep -E '^detour_source_(failing.* 1|last_sync_timestamp_seconds.* 0(\.0)?)$' &&
		if [ -n "$1" ]; then has_bundle "$1"; else is_ready; fi
}

# prepare NAME: what the value set's instance finds in its cluster; writes the
# kubeconfig of its account.
prepare() {
	local objects=$work/split/$1 account
	for object in "$objects"/{ServiceAccount,Role,RoleBinding,ClusterRole,ClusterRoleBinding,MutatingWebhookConfiguration}-*.yaml; do
		[ ! -e "$object" ] || { echo --- && cat "$object"; }
	done >"$work/prepared.yaml"
	"$kubectl" apply --server-side -f "$work/prepared.yaml" >/dev/null || fail "$1: its roles"
	for map in $(printf '%s\n' "${flags[@]}" | sed -n 's/^--source=configmap://p'); do
		"$kubectl" -n "${map%/*}" create configmap "${map#*/}" --from-literal=quay.io=mirror.example.com/quay >/dev/null
	done
	account=$(sed -n 's/^ *serviceAccountName: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$objects"/Deployment-*.yaml)
	if compgen -G "$objects/RoleBinding-*.yaml" >/dev/null; then
		as_account detour "$account" >"$work/account.kubeconfig"
	else # rbac.create=false: roles are somebody else's
		cp "$KUBECONFIG" "$work/account.kubeconfig"
	fi
	flags+=("--kubeconfig=$work/account.kubeconfig")
}

step "a Harbor"
mkdir "$work/account"
printf 'robot$detour' >"$work/account/username"
printf 'not-a-secret' >"$work/account/password"
read -r harbor < <(free_ports 1)
background harbor python3 $here/harbor.py "$harbor" "$work/tls.crt" "$work/tls.key" "$work/account"
wait_until 20 "a Harbor" curl -fsS --cacert "$work/ca.crt" "https://127.0.0.1:$harbor/api/v2.0/systeminfo" || fail "there is no Harbor"

step "detour with the flags and rules of every value set"
mkdir "$work/no-rules"
echo '# none' >"$work/no-rules/none.yaml"
for values in "$here"/values/*.yaml; do
	name=$(basename "$values" .yaml)
	rules=$work/rules-$name
	mkdir "$rules"
	cp "$work/no-rules/none.yaml" "$rules/zzzz.yaml"
	if [ "$name" != single ]; then # which has a ConfigMap of its own
		"$kubectl" create --dry-run=client -o json -f "$(grep -l '^  name: .*-rules$' "$work/split/$name"/ConfigMap-*)" |
			python3 -c '
import json, pathlib, sys
for name, text in json.load(sys.stdin)["data"].items():
    pathlib.Path(sys.argv[1], name).write_text(text)' "$rules"
	fi
	read -r admission operations < <(free_ports 2)
	mapfile -t flags < <("$kubectl" create --dry-run=client -o json -f "$work/split/$name"/Deployment-*.yaml |
		flags_of "$rules" "$work/no-rules")
	configuration=$(printf '%s\n' "${flags[@]}" | sed -n 's/^--webhook-name=//p')
	is_asking=$(grep -c 'name: POD_NAMESPACE' "$work/split/$name"/Deployment-*.yaml)
	[ "$is_asking" = 0 ] || prepare "$name"
	POD_NAMESPACE=detour "$detour" "${flags[@]}" >"$work/detour-$name.log" 2>&1 &
	pid=$!
	server_pids+=("$pid")
	wait_until 20 "a ready detour" is_up "$configuration" && pass ||
		fail "$name: detour is not ready" "$(cat "$work/detour-$name.log")"
	case $name in
	harbor) wanted="prefix quay.io harbor.example.com/quay" ;; # the public one
	everything) wanted="prefix ghcr.io harbor.example.com:8443/ghcr prefix quay.io harbor.example.com:8443/quay" ;;
	*) wanted="" ;;
	esac
	wait_until 20 "$name: the rules of Harbor" has_harbor "$wanted" && pass ||
		fail "$name: the rules of Harbor" "$(harbor_rules)" "$(cat "$work/detour-$name.log")"
	expect "$name: what is forbidden to it" "" "$(grep -i forbidden "$work/detour-$name.log")"
	kill "$pid"
	wait "$pid"
	expect "$name: the exit code after SIGTERM" 0 $?
	unset 'server_pids[-1]'
	rm "$work/detour-$name.log"
	[ "$is_asking" = 0 ] || "$kubectl" delete -f "$work/prepared.yaml" >/dev/null
done

step "helm install, upgrade, uninstall"
cat >"$work/values.yaml" <<-'END'
	tls: {mode: existingSecret, existingSecret: webhook-certificate}
	sources:
	  api: false
	  harbor:
	    url: https://harbor.example.com
	    existingSecret: harbor-robot
	    ca: {secret: harbor-authority}
	    pullSecrets: [harbor]
	crds: {install: false}
	rules:
	  hub:
	    spec:
	      rules: [{prefix: docker.io, to: mirror.example.com/dockerhub}]
	webhook: {failurePolicy: Fail, timeoutSeconds: 10}
	templates: {enabled: true}
	exemptNamespaces: [kube-system, storage, "tenant-*"]
	optOutKeys: [example.com/no-mirror, k8s.twr.io/imageswap, example.com/enabled=false]
END
"$kubectl" create namespace image-webhook >/dev/null
"$kubectl" -n image-webhook create secret tls webhook-certificate \
	--cert="$work/tls.crt" --key="$work/tls.key" >/dev/null
release install --values "$work/values.yaml" --set-file "tls.caBundle=$work/ca.crt"
notes=$(sed -n '/^NOTES/,$p' "$work/helm.out")
for words in 'Break the glass' 'kubectl delete mutatingwebhookconfiguration detour' \
	'kube-system, storage, tenant-*, image-webhook' '--set observe=true' 'Before uninstalling' \
	'the proxy projects of https://harbor.example.com'; do
	[[ $notes == *"$words"* ]] && pass || fail "NOTES.txt does not say: $words"
done
[[ $notes != *'kube-system is not'* ]] && pass || fail "NOTES.txt misses kube-system, which is there"
notes_with() { "$helm" install more chart --namespace image-webhook --dry-run=client --values "$work/values.yaml" \
	--set-file "tls.caBundle=$work/ca.crt" --set webhook.failurePolicy=Ignore "$@" | sed -n '/^NOTES/,$p'; }
[[ $(notes_with --set 'exemptNamespaces={storage}') == *'kube-system is not'* ]] && pass || fail "NOTES.txt does not miss kube-system"
notes=$(notes_with --set 'exemptNamespaces={kube-*}')
[[ $notes == *'Break the glass'* && $notes != *'kube-system is not'* ]] && pass || fail "NOTES.txt misses kube-system, which a glob exempts"
# What GitOps tools ask: would applying it again change anything?
expect "drift right after the install" "" \
	"$("$helm" get manifest detour --namespace image-webhook | "$kubectl" diff -f - 2>&1)"
expect "what is installed" "deployment service serviceaccount configmap poddisruptionbudget" \
	"$(for kind in deployment service serviceaccount configmap poddisruptionbudget role rolebinding clusterrole clusterrolebinding; do
		"$kubectl" -n image-webhook get "$kind" -l app.kubernetes.io/instance=detour -o name | sed 's/[./].*//'
	done | xargs)"
rules_of() { "$kubectl" -n image-webhook get configmap detour-rules -o 'jsonpath={.data.hub\.yaml}'; }
release upgrade --reuse-values --set observe=true
[[ $(rules_of) == *'mode: Observe'* ]] && pass || fail "observe=true does not reach the rules"
release upgrade --reuse-values --set observe=false
[[ $(rules_of) == *'mode: Enforce'* ]] && pass || fail "observe=false does not reach the rules"
expect "revisions of the Deployment after rules changed" 1 \
	"$("$kubectl" -n image-webhook get deployment detour -o 'jsonpath={.metadata.generation}')"
"$kubectl" delete mutatingwebhookconfiguration detour >/dev/null
release upgrade --reuse-values
expect "after the glass was broken and an upgrade" \
	mutatingwebhookconfiguration.admissionregistration.k8s.io/detour "$(webhooks)"
release upgrade --reuse-values --set webhook.create=false
expect "webhooks with webhook.create=false" "" "$(webhooks)"
[[ $(cat "$work/helm.out") == *'nothing calls Detour'* ]] && pass || fail "NOTES.txt does not say that nothing calls Detour"
release upgrade --reuse-values --set webhook.create=true
expect "webhooks with webhook.create=true again" \
	mutatingwebhookconfiguration.admissionregistration.k8s.io/detour "$(webhooks)"

step "detour behind the installed configuration"
mkdir "$work/rules"
rules_of >"$work/rules/hub.yaml"
cat >"$work/rules/watch.yaml" <<-'END'
	apiVersion: detour.dev/v1alpha1
	kind: ClusterImageMap
	metadata: {name: watch}
	spec:
	  mode: Observe
	  priority: 1
	  rules: [{prefix: docker.io, to: mirror.example.com/watched}]
	---
	apiVersion: detour.dev/v1alpha1
	kind: ClusterImageMap
	metadata: {name: private}
	spec:
	  imagePullSecrets: [mirror]
	  rules: [{prefix: quay.io, to: private.example.com/quay}]
END
read -r admission operations < <(free_ports 2)
# The flags are those of the installed Deployment; only places differ.
mapfile -t flags < <("$kubectl" -n image-webhook get deployment detour -o json | flags_of "$work/rules" "$work/no-rules")
background detour "$detour" "${flags[@]}"
wait_until 20 "a ready detour" is_ready ||
	fail "detour is not ready" "$(cat "$work/detour.log")"
wait_until 20 "the rules of Harbor" has_harbor "prefix ghcr.io harbor.example.com/ghcr prefix quay.io harbor.example.com/quay" && pass ||
	fail "the rules of Harbor" "$(harbor_rules)" "$(cat "$work/detour.log")"
url="https://127.0.0.1:$admission/mutate"
operation() { echo "{\"op\":\"$1\",\"path\":\"/webhooks/$2/clientConfig/$3\"${4:-}}"; }
"$kubectl" patch mutatingwebhookconfiguration detour --type=json -p "[
	$(operation remove 0 service), $(operation add 0 url ",\"value\":\"$url\""),
	$(operation remove 1 service), $(operation add 1 url ",\"value\":\"$url\"")]" >/dev/null || fail "the URL"
rewritten() {
	create "$(pod probe)" --dry-run=server -o 'jsonpath={.spec.containers[0].image}' | grep -q mirror.example.com
}
wait_until 20 "a rewritten pod" rewritten || fail "no pod is rewritten" "$(create "$(pod probe)" --dry-run=server 2>&1)"

nginx=mirror.example.com/dockerhub/library/nginx
busybox=mirror.example.com/dockerhub/library/busybox:1

step "which requests cost a call, under failurePolicy Fail"
called 1 "a pod without labels and annotations" create "$(pod bare)"
expect "the pod's image" $nginx "$(image bare)"
called 0 "a label" "$kubectl" label pod bare tier=front
called 0 "another label" "$kubectl" label pod bare tier=back --overwrite
called 0 "an annotation" "$kubectl" annotate pod bare example.com/note=a
called 0 "a finalizer" patch bare merge '{"metadata":{"finalizers":["example.com/wait"]}}'
called 0 "no finalizer" patch bare merge '{"metadata":{"finalizers":null}}'
called 0 "a toleration" patch bare json '[{"op":"add","path":"/spec/tolerations/-","value":{"key":"a","operator":"Exists"}}]'
expect "the pod's image, unchanged" $nginx "$(image bare)"
called 1 "another image" "$kubectl" set image pod/bare a=busybox:1
expect "the pod's other image" $busybox "$(image bare)"
called 0 "the status" "$kubectl" patch pod bare --subresource=status --type=merge -p '{"status":{"phase":"Running"}}'
called 1 "an ephemeral container" "$kubectl" debug bare --image=busybox:2 --container=shell --attach=false --quiet
expect "its image" mirror.example.com/dockerhub/library/busybox:2 \
	"$("$kubectl" get pod bare -o 'jsonpath={.spec.ephemeralContainers[0].image}')"
called 1 "an init container's image" create "{**$(pod init), 'spec': {'containers': [{'name': 'a', 'image': 'nginx'}], 'initContainers': [{'name': 'b', 'image': 'nginx'}]}}"
called 1 "an init container's other image" patch init json '[{"op":"replace","path":"/spec/initContainers/0/image","value":"busybox:1"}]'
expect "that image" $busybox "$("$kubectl" get pod init -o 'jsonpath={.spec.initContainers[0].image}')"
# An image volume cannot be changed; that its original is written again must
# reach detour, which restores what is stored.
volume() { echo "{**$(pod volume), 'spec': {'containers': [{'name': 'a', 'image': 'registry.example.com/own'}], 'volumes': [{'name': 'v', 'image': {'reference': 'nginx'}}, {'name': 'e', 'emptyDir': {}}]}}"; }
called 1 "an image volume" create "$(volume)"
if [ -z "$("$kubectl" get pod volume -o 'jsonpath={.spec.volumes[0].image}')" ]; then
	echo "this Kubernetes has no image volumes: not tried"
else
	expect "its image" $nginx "$("$kubectl" get pod volume -o 'jsonpath={.spec.volumes[0].image.reference}')"
	called 0 "a label of a pod with an image volume" "$kubectl" label pod volume tier=front
	called 1 "the manifest with the image volume once more" patch volume json '[{"op":"replace","path":"/spec/volumes/0/image/reference","value":"nginx"}]'
fi
# Nor can pull secrets: a manifest without those that detour added must reach it.
called 1 "an image that needs a pull secret" create "{**$(pod secret), 'spec': {'containers': [{'name': 'a', 'image': 'private.example.com/quay/a'}]}}"
called 1 "the same without the pull secret" patch secret json '[{"op":"remove","path":"/spec/imagePullSecrets"}]'
expect "its pull secrets" '[{"name":"mirror"}]' "$("$kubectl" get pod secret -o 'jsonpath={.spec.imagePullSecrets}')"
called 1 "an image that Harbor has a project for" create "{**$(pod harbor), 'spec': {'containers': [{'name': 'a', 'image': 'ghcr.io/acme/app:1'}]}}"
expect "that image" harbor.example.com/ghcr/acme/app:1 "$(image harbor)"
expect "its pull secrets" '[{"name":"harbor"}]' "$("$kubectl" get pod harbor -o 'jsonpath={.spec.imagePullSecrets}')"
called 0 "a label of a pod with a pull secret" "$kubectl" label pod secret tier=front

step "what is spared"
"$kubectl" create namespace storage >/dev/null
"$kubectl" create namespace tenant-a >/dev/null
"$kubectl" create namespace shop >/dev/null
called 0 "kube-system" create "$(pod spared)" -n kube-system
called 0 "the release's namespace" create "$(pod spared)" -n image-webhook
called 0 "an exempt namespace" create "$(pod spared)" -n storage
called 0 "a namespace that a glob exempts" create "$(pod spared)" -n tenant-a
called 1 "any other namespace" create "$(pod spared)" -n shop
"$kubectl" label namespace shop detour.dev/rewrite=disabled >/dev/null
spared_now() { local before; before=$(calls); create "$(pod probe)" -n shop --dry-run=server && [ "$before" = "$(calls)" ]; }
wait_until 20 "a namespace that opts out" spared_now && pass || fail "the label of a namespace has no effect"
called 0 "a pod that opts out by a label" create "$(pod label "'labels': {'detour.dev/rewrite': 'disabled'}")"
called 0 "a pod that opts out by an annotation" create "$(pod annotation "'annotations': {'detour.dev/rewrite': 'disabled'}")"
called 0 "a pod that opts out by a key of ours" create "$(pod own-key "'labels': {'example.com/no-mirror': 'disabled'}")"
expect "its image" nginx "$(image own-key)"
called 0 "a pod that opts out by a key and value of ours" create "$(pod own-value "'labels': {'example.com/enabled': 'false'}")"
called 0 "a pod that opts out as for imageswap" create "$(pod imageswap "'labels': {'k8s.twr.io/imageswap': 'disabled'}")"
called 1 "a pod with another value of that key" create "$(pod other-value "'labels': {'example.com/enabled': 'disabled', 'k8s.twr.io/imageswap': 'enabled'}")"
called 1 "a pod with another value of the key" create "$(pod enabled "'labels': {'detour.dev/rewrite': 'enabled'}, 'annotations': {'a': ''}")"
called 0 "a mirror pod" create "{**$(pod mirror "'annotations': {'kubernetes.io/config.mirror': 'x'}"), 'spec': {'nodeName': 'n', 'containers': [{'name': 'a', 'image': 'nginx'}]}}"

step "odd pods and big ones"
refused_by_validation 1 "a pod without an image" create "{**$(pod none), 'spec': {'containers': [{'name': 'a'}]}}"
refused_by_validation 1 "a pod without containers" create "{**$(pod none), 'spec': {}}"
refused_by_validation 1 "containers that are null" create "{**$(pod none), 'spec': {'containers': None, 'volumes': None}}"
refused_by_validation 1 "an update without containers" patch bare merge '{"spec":{"containers":null}}'
refused_by_validation 1 "an update without an image" patch bare json '[{"op":"remove","path":"/spec/containers/0/image"}]'
refused_by_validation 0 "an update without init containers' names" patch init json '[{"op":"remove","path":"/spec/initContainers/0/name"}]'
called 1 "labels and annotations that are null" create "$(pod nulls "'labels': None, 'annotations': None, 'ownerReferences': None")"
called 1 "no labels in the end" create "$(pod blank "'labels': {}, 'annotations': {}")"
big="{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'big', 'labels': {'l%d' % n: 'v' for n in range(200)}, 'annotations': {'a%d' % n: 'v' for n in range(200)}}, 'spec': {'containers': [{'name': 'c%d' % n, 'image': 'nginx:%d' % n} for n in range(500)], 'initContainers': [{'name': 'i%d' % n, 'image': 'nginx:%d' % n} for n in range(500)], 'volumes': [{'name': 'v%d' % n, 'emptyDir': {}} for n in range(500)]}}"
called 1 "a pod with 500 containers" create "$big"
expect "rewritten images of the big pod" 1000 "$("$kubectl" get pod big -o json | grep -c '"image": "mirror.example.com/dockerhub/library/nginx:')"
called 0 "a label of the big pod" "$kubectl" label pod big tier=front
called 1 "the last image of the big pod" "$kubectl" set image pod/big c499=busybox:1
expect "that image" $busybox "$("$kubectl" get pod big -o 'jsonpath={.spec.containers[499].image}')"

# As many as one stored object holds: the conditions' budget must suffice.
called 1 "a pod with 4,000 containers" create "{**$(pod huge), 'spec': {'containers': [{'name': 'c%d' % n, 'image': 'nginx'} for n in range(4000)]}}"
called 0 "a label of the huge pod" "$kubectl" label pod huge tier=front
called 1 "an image of the huge pod" patch huge json '[{"op":"replace","path":"/spec/containers/3999/image","value":"busybox:1"}]'

step "pod templates"
workload() { # workload GROUP KIND [MORE METADATA]
	echo "{'apiVersion': '$1', 'kind': '$2', 'metadata': {'generateName': 'web-', ${3:-}}, 'spec': {'selector': {'matchLabels': {'a': 'b'}}, 'template': {'metadata': {'labels': {'a': 'b'}}, 'spec': {'containers': [{'name': 'a', 'image': 'nginx'}]}}}}"
}
called 1 "a Deployment" create "$(workload apps/v1 Deployment "'name': 'web'")"
expect "its image" $nginx "$("$kubectl" get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}')"
called 0 "a label of the Deployment" "$kubectl" label deployment web tier=front
called 1 "another image of the Deployment" "$kubectl" set image deployment/web a=busybox:1
called 0 "a scaled Deployment" "$kubectl" scale deployment web --replicas=3
called 0 "a ReplicaSet" create "$(workload apps/v1 ReplicaSet)"
called 0 "a Deployment that opts out" create "$(workload apps/v1 Deployment "'labels': {'detour.dev/rewrite': 'disabled'}")"
owner="'ownerReferences': [{'apiVersion': 'example.com/v1', 'kind': 'App', 'name': 'a', 'uid': 'u', 'controller': True}]"
called 0 "a DaemonSet of an operator" create "$(workload apps/v1 DaemonSet "$owner")"
called 1 "a CronJob" "$kubectl" create cronjob night --image=nginx --schedule='0 3 * * *'
expect "its image" $nginx "$("$kubectl" get cronjob night -o 'jsonpath={.spec.jobTemplate.spec.template.spec.containers[0].image}')"
called 1 "a PodTemplate" create "{'apiVersion': 'v1', 'kind': 'PodTemplate', 'metadata': {'name': 'web'}, 'template': {'spec': {'containers': [{'name': 'a', 'image': 'nginx'}]}}}"

step "what the API server counted"
metric() { "$kubectl" get --raw /metrics | awk -v name="$1" 'index($0, name) == 1 { sum += $2 } END { print sum + 0 }'; }
expect "conditions that could not be evaluated" 0 "$(metric apiserver_admission_match_condition_evaluation_errors_total)"
expect "requests that the webhook refused" 0 "$(metric apiserver_admission_webhook_rejection_count)"
[ "$(metric apiserver_admission_match_condition_exclusions_total)" -gt 10 ] && pass || fail "nothing was spared"

step "helm uninstall, in the order for Fail"
"$kubectl" delete mutatingwebhookconfiguration detour >/dev/null
"$helm" uninstall detour --namespace image-webhook >"$work/helm.out" 2>&1 && pass ||
	fail "helm uninstall" "$(cat "$work/helm.out")"
expect "what is left of the webhook" "" "$(webhooks)"
expect "what is left" "" "$("$kubectl" -n image-webhook get all,configmap,serviceaccount,poddisruptionbudget,networkpolicy \
	-l app.kubernetes.io/instance=detour -o name)"
gone() { create "$(pod after)" --dry-run=server -o 'jsonpath={.spec.containers[0].image}' | grep -qx nginx; }
wait_until 20 "pods as they are written" gone && pass || fail "pods are still changed or refused"
