if [ ! -d tests/golden ] || [ ! -f flake.nix ]; then
  echo "update-golden: run it at the top of a checkout, whose files it writes" >&2
  exit 2
fi
export UPDATE_GOLDEN=1
nix develop --extra-experimental-features 'nix-command flakes' --command \
  bash -c 'cargo test --test it && bash tests/chart/run.sh rendered'
