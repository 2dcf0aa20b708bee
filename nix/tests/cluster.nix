# Detour as it is released, called by a real API server on loopback.
{
  lib,
  assets,
  cargoCheck,
  detour,
}:
cargoCheck "cluster" {
  env = {
    # Nothing may be skipped.
    CI = "true";
    KUBEBUILDER_ASSETS = "${assets}";
    DETOUR_BINARY = lib.getExe detour;
  };
} "cargo test --offline --test cluster"
