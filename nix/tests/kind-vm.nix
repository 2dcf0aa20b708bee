# A machine with kind; `node` says where its node image is (docs/nix.md).
{
  dockerTools,
  testers,
  e2e,
  image,
  node,
}: let
  name = "detour.example/kind-node";
  nodeImage = dockerTools.pullImage {
    inherit (node) imageName imageDigest hash;
    finalImageName = name;
    finalImageTag = node.tag;
  };
in
  testers.runNixOSTest {
    name = "detour-kind";
    nodes.machine = {pkgs, ...}: {
      virtualisation = {
        cores = 2;
        memorySize = 4096;
        diskSize = 16384;
        docker = {
          enable = true;
          package = pkgs.docker_29;
        };
      };
      environment.systemPackages = [e2e pkgs.kind pkgs.kubectl];
    };
    testScript = ''
      machine.wait_for_unit("docker")
      machine.succeed("docker load --input ${nodeImage}")
      machine.succeed("kind create cluster --image ${name}:${node.tag} --wait 180s")
      machine.succeed("kind load image-archive ${image}")
      machine.succeed("detour-e2e >&2")
    '';
  }
