# What builds and checks see of the tree: a change elsewhere rebuilds nothing.
{lib}: let
  inherit (lib.fileset) toSource unions;
  select = files:
    toSource {
      root = ../.;
      fileset = unions files;
    };
  crate = [../Cargo.lock ../Cargo.toml ../examples/rules.yaml ../src];
  chart = [../Cargo.toml ../chart ../install ../tests/chart];
in {
  crate = select crate;
  chart = select chart;
  # With what the tests read: the pages, and the inputs of the fuzz targets.
  tests = select (crate
    ++ chart
    ++ [
      ../ARCHITECTURE.md
      ../CHANGELOG.md
      ../CONTRIBUTING.md
      ../README.md
      ../SECURITY.md
      ../benches
      ../clippy.toml
      ../deny.toml
      ../docs
      ../examples
      ../fuzz/Cargo.lock
      ../fuzz/Cargo.toml
      ../fuzz/fuzz_targets
      ../fuzz/seeds
      ../rustfmt.toml
      ../tests
    ]);
  nix = select [../flake.nix ./.];
}
