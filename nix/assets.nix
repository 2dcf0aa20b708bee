# The control plane and its clients in one directory, as KUBEBUILDER_ASSETS.
{
  lib,
  etcd,
  kubectl,
  kubernetes,
  kubernetes-helm,
  linkFarm,
}:
linkFarm "detour-kubebuilder-assets" {
  etcd = lib.getExe' etcd "etcd";
  helm = lib.getExe' kubernetes-helm "helm";
  kube-apiserver = lib.getExe' kubernetes "kube-apiserver";
  kube-controller-manager = lib.getExe' kubernetes "kube-controller-manager";
  kubectl = lib.getExe' kubectl "kubectl";
}
