{
  description = "Detour redirects every image that a Kubernetes cluster pulls to the registry of your choice";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs = {nixpkgs, ...}: let
    inherit (nixpkgs) lib;
    systems = ["x86_64-linux" "aarch64-linux"];
    kinds = ["packages" "checks" "apps" "devShells" "formatter"];
    perSystem = lib.genAttrs systems (system: import ./nix nixpkgs.legacyPackages.${system});
  in
    lib.genAttrs kinds (kind: lib.mapAttrs (_: outputs: outputs.${kind}) perSystem);
}
