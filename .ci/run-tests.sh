#!/bin/sh
# Runs the tests: those that draw with OpenGL on a virtual screen, all others without one, in parallel.
#   .ci/run-tests.sh BIN    (BIN: where the environment keeps pytest)
set -eu
bin=$1
unset DISPLAY WAYLAND_DISPLAY QT_QPA_PLATFORM
if command -v xvfb-run >/dev/null && command -v xauth >/dev/null; then
    status=0
    QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 xvfb-run --auto-servernum --server-args='-screen 0 1280x1024x24' \
        "$bin/pytest" -q -m gl || status=$?
    # 5: no test is marked gl, which is no failure.
    [ "$status" -eq 0 ] || [ "$status" -eq 5 ] || exit "$status"
else
    echo "No xvfb here: tests that draw with OpenGL are skipped."
fi
exec "$bin/pytest" -q -n auto -m 'not gl'
