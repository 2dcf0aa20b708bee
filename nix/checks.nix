# What `nix flake check` builds; each check is one derivation.
{
  assets,
  e2e,
  manifest,
  packages,
  pkgs,
  source,
}: let
  inherit (pkgs) lib;
  cargoCheck = pkgs.callPackage ./cargo-check.nix {inherit manifest source;};
  check = name: nativeBuildInputs: command:
    pkgs.runCommand "detour-${name}" {inherit nativeBuildInputs;} ''
      export HOME=$TMPDIR
      ${command}
      mkdir "$out"
    '';
  rebuilt = package: package.overrideAttrs {again = true;};
  vm = pkgs.stdenv.hostPlatform.isx86_64;
in
  {
    unit = cargoCheck "unit" {} "cargo test --offline";

    clippy =
      cargoCheck "clippy" {nativeBuildInputs = [pkgs.clippy];}
      "cargo clippy --offline --all-targets -- --deny warnings";

    doc =
      cargoCheck "doc" {env.RUSTDOCFLAGS = "--deny warnings";}
      "cargo doc --offline --no-deps --document-private-items";

    # Advisories need the network: .ci/run asks for them.
    deny =
      cargoCheck "deny" {nativeBuildInputs = [pkgs.cargo-deny];}
      "cargo deny --offline --log-level error check bans licenses sources";

    fmt = check "fmt" [pkgs.cargo pkgs.rustfmt] ''
      cd ${source.tests}
      cargo fmt --check
    '';

    nix-lint = check "nix-lint" [pkgs.alejandra pkgs.deadnix pkgs.shellcheck] ''
      cd ${source.nix}
      alejandra --quiet --check .
      deadnix --fail .
      find . -name '*.sh' -exec shellcheck --shell=bash {} +
    '';

    chart = check "chart" [pkgs.kubernetes-helm pkgs.python3] ''
      bash ${source.tests}/tests/chart/run.sh rendered
    '';

    install-manifest = check "install-manifest" [] ''
      diff --unified ${source.chart}/install/detour.yaml ${packages.install-manifest}
    '';

    image = check "image" [pkgs.python3] ''
      ${lib.getExe packages.detour} --version
      python3 ${./tests/image.py} ${manifest.version} ${packages.image}
    '';

    image-index = check "image-index" [pkgs.python3] ''
      python3 ${./tests/image.py} ${manifest.version} ${packages.image-index}
    '';

    reproducible = check "reproducible" [] ''
      cmp ${lib.getExe packages.detour} ${lib.getExe (rebuilt packages.detour)}
      cmp ${packages.image} ${rebuilt packages.image}
      cmp ${packages.chart} ${rebuilt packages.chart}
    '';

    cluster = pkgs.callPackage ./tests/cluster.nix {
      inherit assets cargoCheck;
      inherit (packages) detour;
    };

    chart-cluster = check "chart-cluster" [pkgs.curl pkgs.openssl pkgs.python3] ''
      export CI=true KUBEBUILDER_ASSETS=${assets} DETOUR_BINARY=${lib.getExe packages.detour}
      bash ${source.tests}/tests/chart/run.sh
    '';
  }
  // lib.optionalAttrs vm {
    k3s-vm = pkgs.callPackage ./tests/k3s-vm.nix {
      inherit e2e;
      inherit (packages) image;
    };
  }
  // lib.optionalAttrs (vm && builtins.pathExists ./kind-node.json) {
    kind-vm = pkgs.callPackage ./tests/kind-vm.nix {
      inherit e2e;
      inherit (packages) image;
      node = lib.importJSON ./kind-node.json;
    };
  }
