#!/usr/bin/env bash
# Installs what a build needs and is not there yet: Debian packages, then the Python environment.
# Usage: install_dependencies.sh VENV      A second run finds everything in place and does nothing.
set -euo pipefail

venv=${1:?usage: install_dependencies.sh VENV}
here=$(cd "$(dirname "$0")" && pwd)

packages=(
  cmake ninja-build g++ ccache python3-venv                      # building
  clang-format-14 clang-tidy-14                                  # make format, make lint
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev
  libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libavdevice-dev
  libturbojpeg0-dev libexif-dev libheif-dev libstb-dev libboost-program-options-dev
  libsimdjson-dev nlohmann-json3-dev libpugixml-dev libyaml-cpp-dev libcsv-dev libcpp-httplib-dev libgloo-dev libssl-dev catch2
)

# The headers of the Python that the environment is made from: Debian keeps them in a package.
python3 -c 'import os, sysconfig; assert os.path.exists(sysconfig.get_paths()["include"] + "/Python.h")' \
  2>/dev/null || packages+=(python3-dev)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" = 0 ]; then
    as_root=()
  elif sudo -n true 2>/dev/null; then
    as_root=(sudo)
  else
    echo "lanner needs these Debian packages; please run this, then make again:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 1
  fi
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" $install
fi

# The environment is complete only when the stamp matches the list, so that an interrupted
# installation is repeated and a changed list is installed.
requirements=$here/requirements.txt
stamp=$venv/.lanner-requirements
if ! cmp -s "$requirements" "$stamp"; then
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$stamp"
fi
