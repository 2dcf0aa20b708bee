# A machine with k3s and a registry: a pod is pulled from where Detour sends it.
{
  lib,
  busybox,
  dockerTools,
  testers,
  e2e,
  image,
}: let
  sleeper = name: tag:
    dockerTools.buildLayeredImage {
      inherit name tag;
      config.Entrypoint = [(lib.getExe' busybox "sleep") "infinity"];
    };
  pause = sleeper "localhost/pause" "local";
  app = sleeper "localhost/app" "1";
in
  testers.runNixOSTest {
    name = "detour-k3s";
    nodes.machine = {pkgs, ...}: {
      virtualisation = {
        cores = 2;
        memorySize = 2048;
        diskSize = 4096;
      };
      environment = {
        systemPackages = [e2e pkgs.kubectl pkgs.skopeo];
        sessionVariables.KUBECONFIG = "/etc/rancher/k3s/k3s.yaml";
        # The name is only known to containerd; nothing resolves it.
        etc."rancher/k3s/registries.yaml".text = ''
          mirrors:
            "mirror.example:5000":
              endpoint: ["http://127.0.0.1:5000"]
        '';
      };
      services.dockerRegistry.enable = true;
      services.k3s = {
        enable = true;
        role = "server";
        disable = ["coredns" "local-storage" "metrics-server" "servicelb" "traefik"];
        images = [pause image];
        extraFlags = ["--pause-image=localhost/pause:local"];
      };
    };
    testScript = ''
      machine.wait_for_unit("k3s")
      machine.wait_for_unit("docker-registry")
      machine.wait_for_open_port(5000)
      machine.wait_until_succeeds("kubectl wait --for=condition=Ready node --all --timeout=10s")
      machine.succeed(
          "skopeo --insecure-policy copy --dest-tls-verify=false"
          " docker-archive:${app} docker://127.0.0.1:5000/team/app:1"
      )

      with subtest("the chart is installed and pods are rewritten"):
          machine.succeed("detour-e2e >&2")

      with subtest("a pod is pulled from the registry in the machine"):
          machine.fail("journalctl -u docker-registry | grep 'GET /v2/team/app/blobs/'")
          machine.succeed("kubectl run app --image=upstream.example/team/app:1")
          machine.succeed("kubectl wait --for=condition=Ready pod/app --timeout=120s")
          image = machine.succeed("kubectl get pod app -o jsonpath={.spec.containers[0].image}")
          assert image == "mirror.example:5000/team/app:1", image
          machine.succeed("journalctl -u docker-registry | grep 'GET /v2/team/app/blobs/'")
    '';
  }
