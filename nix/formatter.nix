# `nix fmt`: newer Nix gives no path.
{
  alejandra,
  writeShellApplication,
}:
writeShellApplication {
  name = "format";
  runtimeInputs = [alejandra];
  text = ''exec alejandra --quiet "''${@:-.}"'';
  meta.description = "Formats the Nix files";
}
