# usage: detour-e2e, with KUBECONFIG naming a cluster that holds the image
# localhost/detour of the chart's version

fail() {
  echo "detour-e2e: $1" >&2
  exit 1
}

equal() { # equal WHAT WANTED FOUND
  [ "$2" = "$3" ] || fail "$1: wanted $2, found $3"
  echo "detour-e2e: $1: $3"
}

eventually() { # eventually WHAT COMMAND...: within a minute
  local what=$1 end=$((SECONDS + 60))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "$what did not come about within a minute"
    sleep 1
  done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A certificate as docs/install.md makes it.
curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${curve[@]}" -days 2 -subj /CN=detour-ca -addext keyUsage=critical,keyCertSign \
  -keyout "$work/ca.key" -out "$work/ca.crt" 2>"$work/openssl.log"
openssl req "${curve[@]}" -subj /CN=detour -keyout "$work/tls.key" -out "$work/tls.csr" 2>"$work/openssl.log"
printf 'subjectAltName=DNS:detour.detour.svc\nextendedKeyUsage=serverAuth\n' >"$work/san"
openssl x509 -req -in "$work/tls.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
  -extfile "$work/san" -out "$work/tls.crt" 2>"$work/openssl.log"

kubectl create namespace detour
kubectl -n detour create secret tls detour-certificate --cert="$work/tls.crt" --key="$work/tls.key"
helm upgrade --install detour "$CHART" --namespace detour --values "$VALUES" \
  --set-file "tls.caBundle=$work/ca.crt" --wait --timeout 3m

image() { # image [ARGUMENTS...]: of a pod that is admitted and not stored
  kubectl run detour-e2e --image=upstream.example/team/app:1 --dry-run=server \
    -o 'jsonpath={.spec.containers[0].image}' "$@"
}

is_rewritten() { [ "$(image 2>"$work/errors")" = mirror.example:5000/team/app:1 ]; }

eventually "the account of pods" kubectl -n default get serviceaccount default -o name
eventually "a rewritten image" is_rewritten

found=$(kubectl create --dry-run=server -f "$POD" -o json | tr -d ' ' |
  sed -n 's/^"image":"\(.*\)",*$/\1/p' | LC_ALL=C sort | tr '\n' ' ')
digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
equal "containers of every kind" \
  "elsewhere.example/team/app:1 mirror.example:5000/team/app:1 mirror.example:5000/team/app:1@$digest mirror.example:5000/team/setup " \
  "$found"
equal "a pod that opted out" upstream.example/team/app:1 "$(image --labels=detour.dev/rewrite=disabled)"
equal "a pod of kube-system" upstream.example/team/app:1 "$(image --namespace=kube-system)"

tag=$(helm -n detour get metadata detour -o yaml | sed -n 's/^appVersion: *//p' | tr -d '"')
sed "s/TAG/$tag/" "$JOB" | kubectl create -f -
kubectl wait --for=condition=complete job/detour-e2e --timeout=2m
equal "what a job's pod printed" "detour $tag" "$(kubectl logs job/detour-e2e)"
equal "the image it ran" "localhost/detour:$tag" \
  "$(kubectl get pod -l job-name=detour-e2e -o 'jsonpath={.items[0].spec.containers[0].image}')"
kubectl delete job detour-e2e
