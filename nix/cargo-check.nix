# A check that runs a cargo command on the tree with its crates at hand:
# cargoCheck NAME ARGUMENTS COMMAND.
{
  rustPlatform,
  manifest,
  source,
}: name: {
  nativeBuildInputs ? [],
  env ? {},
}: command:
rustPlatform.buildRustPackage {
  pname = "${manifest.name}-${name}";
  inherit (manifest) version;
  src = source.tests;
  cargoLock.lockFile = ../Cargo.lock;
  inherit nativeBuildInputs env;
  auditable = false;
  doCheck = false;
  dontFixup = true;
  buildPhase = ''
    export HOME=$TMPDIR
    runHook preBuild
    ${command}
    runHook postBuild
  '';
  installPhase = ''
    runHook preInstall
    mkdir "$out"
    runHook postInstall
  '';
}
