if [ ! -d benches ] || [ ! -f flake.nix ]; then
  echo "bench: run it at the top of a checkout, which it builds" >&2
  exit 2
fi
features=(--extra-experimental-features 'nix-command flakes')
# The pinned nixpkgs' own, unless there is one.
valgrind=()
command -v valgrind >/dev/null ||
  valgrind=(nix shell "${features[@]}" --inputs-from . nixpkgs#valgrind --command)
"${valgrind[@]}" nix develop "${features[@]}" --command sh benches/instructions.sh
