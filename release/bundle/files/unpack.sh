#!/bin/sh
# Checks the pieces of the archive beside this script and unpacks them:
#
#   sh unpack.sh [folder]      into `folder`, which is made; by default the current one
#
# It needs tar, gzip and sha256sum.
set -eu
pieces=$(cd "$(dirname "$0")" && pwd)
target=${1:-.}
(cd "$pieces" && sha256sum --quiet -c SHA256SUMS) || {
  echo "unpack.sh: a piece is missing or damaged: bring all files of $pieces again" >&2
  exit 1
}
mkdir -p "$target"
# The names in the list, in its order.
sed 's/^[0-9a-f]*  //' "$pieces/SHA256SUMS" | (cd "$pieces" && xargs cat) | gzip -dc | tar -C "$target" -xf -
echo "Unpacked into $(cd "$target" && pwd): $(cd "$target" && ls -d air-onnx-* 2>/dev/null | tr '\n' ' ')"
