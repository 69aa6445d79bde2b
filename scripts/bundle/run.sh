#!/bin/sh
# Runs the throughput suite and the golden cases on this machine and writes the results folder beside this file.
#
#   ./run.sh                    everything: doctor, golden cases, bench with every peer that is here
#   ./run.sh quick              the same with small cases and few samples
#   ./run.sh [quick] STEP...    only these of: doctor golden bench
#   ./run.sh ... -- OPTION...   options for the bench, as in: ./run.sh quick bench -- --filter matmul
#
# VOXGRAD_RESULTS names another results folder. VK_DRIVER_FILES chooses a Vulkan driver, as everywhere.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

if ! "$here/node" --version >/dev/null 2>&1; then
  echo "run.sh: this bundle is for Linux on x64 with glibc 2.34 or newer and libstdc++. Its node says:" >&2
  exec "$here/node" --version
fi
exec "$here/node" "$here/app/scripts/bundle/server/main.mjs" "$@"
