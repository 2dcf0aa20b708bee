if [ -z "${KIND_NODE_IMAGE:-}" ]; then
  echo "kind-e2e: KIND_NODE_IMAGE is not set: name a kind node image in a registry of yours, by digest" >&2
  exit 2
fi
cluster=detour-e2e-$$
work=$(mktemp -d)
export KUBECONFIG=$work/kubeconfig

finish() {
  local code=$?
  if [ "$code" -ne 0 ]; then
    kind export logs "$work/logs" --name "$cluster" >/dev/null 2>&1 || true
    find "$work/logs" -path '*detour*' -name '*.log' -exec tail -n 30 {} + >&2 2>/dev/null || true
  fi
  kind delete cluster --name "$cluster" || true
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

kind create cluster --name "$cluster" --image "$KIND_NODE_IMAGE" --wait 180s
kind load image-archive "$IMAGE" --name "$cluster"
detour-e2e
