#!/bin/sh
# Prints the command of a Python that Gabor runs on (3.11 to 3.14); fails with a line that says what to install.
for candidate in ${PYTHON:-} python3 python3.13 python3.14 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done
echo "Gabor needs Python 3.11, 3.12, 3.13 or 3.14. On Debian 12 or Ubuntu 24.04: apt-get install python3" >&2
exit 1
