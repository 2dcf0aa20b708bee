# What `nix run .#NAME` starts.
{
  e2e,
  layouts,
  manifest,
  packages,
  pkgs,
}: let
  inherit (pkgs) lib;
  app = name: {
    description,
    runtimeInputs ? [],
    runtimeEnv ? {},
    text ? builtins.readFile (./apps + "/${name}.sh"),
  }: {
    type = "app";
    program = lib.getExe (pkgs.writeShellApplication {
      inherit name runtimeInputs runtimeEnv text;
      meta = {inherit description;};
    });
    meta = {inherit description;};
  };
  # An app for each, so that one architecture is pushed without building all.
  push = name: what: layout:
    app name {
      description = "Pushes ${what} to a registry";
      runtimeInputs = [pkgs.skopeo];
      runtimeEnv = {
        NAME = name;
        IMAGE = "oci:${layout}:${manifest.version}";
      };
      text = builtins.readFile ./apps/push.sh;
    };
in {
  push = push "push" "the image of all architectures" packages.image-index;
  push-amd64 = push "push-amd64" "the image for amd64" layouts.amd64;
  push-arm64 = push "push-arm64" "the image for arm64" layouts.arm64;
  kind-e2e = app "kind-e2e" {
    description = "Installs Detour in a kind cluster made for it, and admits pods there";
    runtimeInputs = [e2e pkgs.kind];
    runtimeEnv.IMAGE = "${packages.image}";
  };
  update-golden = app "update-golden" {
    description = "Refreshes the golden files of the checkout";
  };
  bench = app "bench" {
    description = "Counts instructions of the hot paths of the checkout";
  };
}
