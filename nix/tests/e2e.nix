# Installs the chart into the cluster of KUBECONFIG and admits pods there.
{
  chart,
  kubectl,
  kubernetes-helm,
  openssl,
  writeShellApplication,
}:
writeShellApplication {
  name = "detour-e2e";
  runtimeInputs = [kubectl kubernetes-helm openssl];
  runtimeEnv = {
    CHART = "${chart}";
    VALUES = "${./values.yaml}";
    JOB = "${./job.yaml}";
    POD = "${./pod.yaml}";
  };
  text = builtins.readFile ./e2e.sh;
  meta.description = "Installs Detour into a cluster that has its image and admits pods there";
}
