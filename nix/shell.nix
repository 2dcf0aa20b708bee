# What CONTRIBUTING.md's commands need.
{
  assets,
  cargo,
  cargo-deny,
  clippy,
  curl,
  deadnix,
  etcd,
  jq,
  kubectl,
  kubernetes,
  kubernetes-helm,
  mkShell,
  openssl,
  python3,
  rustc,
  rustfmt,
  shellcheck,
  skopeo,
}:
mkShell {
  packages = [
    cargo
    cargo-deny
    clippy
    curl
    deadnix
    etcd
    jq
    kubectl
    kubernetes
    kubernetes-helm
    openssl
    python3
    rustc
    rustfmt
    shellcheck
    skopeo
  ];
  env.KUBEBUILDER_ASSETS = "${assets}";
}
