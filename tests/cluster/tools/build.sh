#!/usr/bin/env bash
# Builds etcd, kube-apiserver, kube-controller-manager, kubectl and helm from Go
# modules, once, and prints the directory that holds them:
#
#   export KUBEBUILDER_ASSETS=$(bash tests/cluster/tools/build.sh)
#   cargo test --test cluster
#
# usage: build.sh [MINOR]      the Kubernetes minor, a folder kubernetes-MINOR
#                              beside this script; 1.36 when left out
#
# Needs Go (the version that the go.mod files name) and no C compiler. The
# binaries stand in a cache outside the tree, $DETOUR_CI_CACHE or detour-ci in
# the user's cache directory, by version and by the hash of what they are made
# from; a second run takes no time. The first takes ten to twenty minutes on two
# cores, a rebuild with Go's own caches filled about one.
#
# For another patch or minor: put the version into the requirement of
# k8s.io/kubernetes and, as v0.MINOR.PATCH, into every replacement (its own
# go.mod replaces these modules by directories, which counts only there; compare
# the two lists), delete what is marked indirect, and run `go mod tidy`.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
minor=${1:-1.36}
programs=(etcd kube-apiserver kubectl kube-controller-manager helm)
[ -d "$here/kubernetes-$minor" ] || {
	echo "no Kubernetes $minor here, but: $(cd "$here" && echo kubernetes-*)" >&2
	exit 2
}

pinned() { # pinned FOLDER MODULE: the version that the folder's go.mod requires
	awk -v module="$2" '$1 == "require" { $0 = $2 " " $3 } $1 == module && $2 ~ /^v/ { print $2; exit }' "$here/$1/go.mod"
}

kubernetes=$(pinned "kubernetes-$minor" k8s.io/kubernetes)
hash=$(cd "$here" && cat {etcd,helm,"kubernetes-$minor"}/go.{mod,sum} | sha256sum | cut -c 1-16)
cache=${DETOUR_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/detour-ci}
out=$cache/kubernetes-$kubernetes-$hash
mkdir -p "$out"

build() { # build NAME FOLDER PACKAGE [-X SETTING...]
	local name=$1 folder=$2 package=$3 start=$SECONDS
	shift 3
	(cd "$here/$folder" && CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS='' go build -mod=readonly \
		-buildvcs=false -trimpath -ldflags "-s -w $*" -o "$out/.$name.$$" "$package")
	mv "$out/.$name.$$" "$out/$name"
	echo "built $name in $((SECONDS - start)) s" >&2
}

# Without these the server reports a placeholder version.
kubernetes_settings() {
	local package
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		echo "-X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=${minor#1.}" \
			"-X $package.gitTreeState=clean -X $package.gitCommit=unknown" \
			"-X $package.buildDate=1970-01-01T00:00:00Z"
	done
}

# Without these `helm template` and `helm lint` believe in Kubernetes 1.20.
helm_settings() {
	local client package
	client=$(pinned helm k8s.io/client-go)
	client=${client#v0.}
	echo "-X helm.sh/helm/v3/internal/version.version=$(pinned helm helm.sh/helm/v3)"
	for package in pkg/lint/rules pkg/chartutil; do
		echo "-X helm.sh/helm/v3/$package.k8sVersionMajor=1" \
			"-X helm.sh/helm/v3/$package.k8sVersionMinor=${client%%.*}"
	done
}

build_all() {
	local name
	for name in "${programs[@]}"; do
		[ ! -x "$out/$name" ] || continue
		case $name in
		etcd) build etcd etcd go.etcd.io/etcd/server/v3 ;;
		# shellcheck disable=SC2046 # the words of a flag
		helm) build helm helm helm.sh/helm/v3/cmd/helm $(helm_settings) ;;
		# shellcheck disable=SC2046
		*) build "$name" "kubernetes-$minor" "k8s.io/kubernetes/cmd/$name" $(kubernetes_settings) ;;
		esac
	done
}

# Two runs at once would build everything twice.
exec 9>"$out/.lock"
if command -v flock >/dev/null; then flock 9; fi
build_all
echo "$out"
