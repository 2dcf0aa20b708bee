# All outputs of one system, made of its package set.
pkgs: let
  inherit (pkgs) lib;
  inherit (pkgs.stdenv) hostPlatform;
  manifest = (lib.importTOML ../Cargo.toml).package;
  source = import ./source.nix {inherit lib;};

  # pkgsCross.musl64 alone would make dynamic binaries.
  static = {
    amd64 =
      if hostPlatform.isx86_64
      then pkgs.pkgsStatic
      else pkgs.pkgsCross.musl64.pkgsStatic;
    arm64 =
      if hostPlatform.isAarch64
      then pkgs.pkgsStatic
      else pkgs.pkgsCross.aarch64-multiplatform-musl.pkgsStatic;
  };
  native = hostPlatform.go.GOARCH;

  detour = lib.mapAttrs (_: set: set.callPackage ./package.nix {inherit manifest source;}) static;
  image = lib.mapAttrs (architecture: detour:
    pkgs.callPackage ./image.nix {inherit architecture detour manifest;})
  detour;

  layouts = lib.mapAttrs (_: image:
    pkgs.callPackage ./layout.nix {
      inherit image;
      inherit (manifest) version;
    })
  image;

  packages = {
    default = detour.${native};
    detour = detour.${native};
    detour-amd64 = detour.amd64;
    detour-arm64 = detour.arm64;
    image = image.${native};
    image-amd64 = image.amd64;
    image-arm64 = image.arm64;
    image-index = pkgs.callPackage ./image-index.nix {
      inherit layouts;
      inherit (manifest) version;
    };
    chart = pkgs.callPackage ./chart.nix {inherit manifest source;};
    install-manifest = pkgs.callPackage ./install-manifest.nix {inherit source;};
  };
  assets = pkgs.callPackage ./assets.nix {};
  e2e = pkgs.callPackage ./tests/e2e.nix {inherit (packages) chart;};
in
  assert lib.assertMsg (lib.versionAtLeast pkgs.rustc.version manifest.rust-version)
  "nixpkgs has rustc ${pkgs.rustc.version}, but Cargo.toml asks for ${manifest.rust-version}: update the pin of nixpkgs"; {
    inherit packages;
    checks = import ./checks.nix {inherit assets e2e manifest packages pkgs source;};
    apps = import ./apps.nix {inherit e2e layouts manifest packages pkgs;};
    devShells.default = pkgs.callPackage ./shell.nix {inherit assets;};
    formatter = pkgs.callPackage ./formatter.nix {};
  }
