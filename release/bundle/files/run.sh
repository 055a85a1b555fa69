#!/bin/sh
# Runs a command with this folder's Node.js and libraries:
#
#   ./run.sh node examples/infer-file.mjs     programs below this folder can import "@air-onnx/runtime-node"
#   ./run.sh sh -c 'node --version'
#
# What is already set by the environment stays in front.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -eq 0 ]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0"
  exit 2
fi

# Where CUDA's libraries usually are: Python's nvidia packages, the driver's folder in containers, CUDA's own.
libraries=${LD_LIBRARY_PATH:-}
if command -v python3 >/dev/null 2>&1; then
  found=$(python3 -c 'import glob, os, nvidia
print(":".join(folder for path in nvidia.__path__ for folder in sorted(glob.glob(os.path.join(path, "*", "lib")))))' 2>/dev/null || true)
  libraries=$libraries:$found
fi
for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib /usr/local/cuda/lib64 "$here/lib"; do
  if [ -d "$folder" ]; then libraries=$libraries:$folder; fi
done
libraries=$(echo "$libraries" | sed -e 's/::*/:/g' -e 's/^://' -e 's/:$//')
if [ -n "$libraries" ]; then
  LD_LIBRARY_PATH=$libraries
  export LD_LIBRARY_PATH
fi

# Where the description of NVIDIA's Vulkan driver is in some containers, where the Vulkan loader does not look.
if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && [ -e /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json ]; then
  VK_DRIVER_FILES=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
  export VK_DRIVER_FILES
fi

if [ -z "${AIR_ONNX_MNIST_DIR:-}" ] && [ -d "$here/mnist" ]; then
  AIR_ONNX_MNIST_DIR=$here/mnist
  export AIR_ONNX_MNIST_DIR
fi
PATH=$here/bin:${PATH:-/usr/bin:/bin}
export PATH
exec "$@"
