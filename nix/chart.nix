# The Helm chart as one file.
{
  runCommand,
  kubernetes-helm,
  manifest,
  source,
}:
runCommand "detour-${manifest.version}.tgz" {nativeBuildInputs = [kubernetes-helm];} ''
  export HOME=$TMPDIR
  helm package ${source.chart}/chart --destination .
  # helm writes the time of day into its archive.
  mkdir unpacked
  tar --extract --warning=no-timestamp --file detour-${manifest.version}.tgz --directory unpacked
  tar --create --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --directory unpacked detour | gzip --no-name --best >"$out"
''
