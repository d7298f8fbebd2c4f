#!/bin/sh
# Builds a wheel, installs it into a fresh environment outside the clone, and uses it from another folder.
#   .ci/try-wheel.sh PYTHON    (PYTHON: one that has `build`)
set -eu
python=$1
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

"$python" -m build --wheel --outdir "$place/dist" . >"$place/build.log" 2>&1 || { cat "$place/build.log" >&2; exit 1; }
"$python" -m venv "$place/venv"
"$place/venv/bin/python" -m pip install -qq "$place"/dist/*.whl
mkdir "$place/elsewhere"
cd "$place/elsewhere"
unset DISPLAY WAYLAND_DISPLAY PYTHONPATH
gabor=$place/venv/bin/gabor
example=$("$place/venv/bin/python" -c 'from engine.api import resource_path; print(resource_path("examples", "mnist-sample.netproj"))')
case "$example" in
    "$place"/venv/*) ;;
    *) echo "The examples come from $example, not from the wheel." >&2; exit 1 ;;
esac

"$gabor" --version
"$gabor" devices
"$gabor" check "$example" >/dev/null
"$gabor" train "$example" --device cpu --steps 2 --batch-size 20 --save trained.netproj --report report --json result.json
ls trained.netproj report/*.png result.json >/dev/null

# The window stays until it is closed: that it still runs after some seconds is what is asked for.
status=0
QT_QPA_PLATFORM=offscreen timeout 8 "$gabor" "$example" || status=$?
[ "$status" -eq 124 ] || { echo "The window did not stay open (exit code $status)." >&2; exit 1; }
echo "The wheel works outside the clone: $(basename "$place"/dist/*.whl)"
