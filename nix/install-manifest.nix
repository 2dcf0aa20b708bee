# The chart as one manifest, for clusters without Helm.
{
  runCommand,
  kubernetes-helm,
  source,
}:
runCommand "detour.yaml" {nativeBuildInputs = [kubernetes-helm];} ''
  export HOME=$TMPDIR
  bash ${source.chart}/install/generate.sh >"$out"
''
