#!/bin/sh
# Makes sure that the system has what the named needs (venv, window, screen) ask for.
#   .ci/system-libraries.sh PYTHON NEED...
# Installs the missing Debian packages when it may (root, or sudo without a password) and otherwise prints one
# line to copy and fails. On a system without apt-get it leaves the matter to the user and succeeds.
set -eu
python=$1
shift

loader_cache=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)
missing=

# library NAME PACKAGE: a shared library by its file name, since packages are called differently elsewhere.
library() {
    case "$loader_cache" in
        *"$1 "*) ;;
        *) missing="$missing $2" ;;
    esac
}

for need in "$@"; do
    case "$need" in
        venv)
            "$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
            ;;
        window)
            library libEGL.so.1 libegl1
            library libGL.so.1 libgl1
            library libdbus-1.so.3 libdbus-1-3
            library libfontconfig.so.1 libfontconfig1
            library libglib-2.0.so.0 libglib2.0-0
            library libxkbcommon.so.0 libxkbcommon0
            library libxcb-cursor.so.0 libxcb-cursor0
            library libxcb-icccm.so.4 libxcb-icccm4
            library libxcb-keysyms.so.1 libxcb-keysyms1
            library libxcb-shape.so.0 libxcb-shape0
            library libxcb-xkb.so.1 libxcb-xkb1
            library libxkbcommon-x11.so.0 libxkbcommon-x11-0
            # Without any font Qt draws boxes in the place of letters.
            [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name '*.[ot]tf' 2>/dev/null | head -n 1)" ] ||
                missing="$missing fonts-dejavu-core"
            ;;
        screen)
            command -v xvfb-run >/dev/null || missing="$missing xvfb"
            command -v xauth >/dev/null || missing="$missing xauth"
            [ -n "$(find /usr/lib -name 'swrast_dri.so' 2>/dev/null | head -n 1)" ] ||
                missing="$missing libgl1-mesa-dri"
            ;;
        *)
            echo ".ci/system-libraries.sh: no such need: $need" >&2
            exit 2
            ;;
    esac
done

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "Not found on this system (Debian's names):$missing. Gabor may need them." >&2
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    become=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    become="sudo -n"
else
    echo "Some system packages are missing. Run this line, then the same make command again:" >&2
    echo "sudo apt-get update && sudo apt-get install --yes --no-install-recommends$missing" >&2
    exit 1
fi
echo "Installing system packages:$missing"
# shellcheck disable=SC2086
{
    $become apt-get update -qq
    $become env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends $missing >/dev/null
}
