# The binary, for the platform of the package set that calls this.
{
  lib,
  rustPlatform,
  manifest,
  source,
}:
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;
  src = source.crate;
  cargoLock.lockFile = ../Cargo.lock;
  # The tests run natively: checks.unit, checks.cluster.
  doCheck = false;
  meta = {
    inherit (manifest) description;
    license = lib.licenses.asl20;
    mainProgram = manifest.name;
    platforms = lib.platforms.linux;
  };
}
