# The container image: the binary and nothing else.
{
  lib,
  dockerTools,
  architecture,
  detour,
  manifest,
}:
dockerTools.buildLayeredImage {
  # A name that no registry serves: an image loaded from the archive is never
  # looked for, or replaced, from elsewhere.
  name = "localhost/${manifest.name}";
  tag = manifest.version;
  inherit architecture;
  config = {
    Entrypoint = [(lib.getExe detour)];
    User = "65532:65532";
    WorkingDir = "/";
    ExposedPorts = {
      "8443/tcp" = {};
      "8080/tcp" = {};
    };
    Labels =
      {
        "org.opencontainers.image.title" = manifest.name;
        "org.opencontainers.image.description" = manifest.description;
        "org.opencontainers.image.licenses" = manifest.license;
        "org.opencontainers.image.version" = manifest.version;
      }
      // lib.optionalAttrs (manifest ? repository) {
        "org.opencontainers.image.source" = manifest.repository;
      };
  };
}
