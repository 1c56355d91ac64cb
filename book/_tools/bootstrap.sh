#!/bin/sh
# Start bootstrap.py with the first Python that really runs and is new enough. A command that exists
# may still fail when run (version managers leave such shims), so each one is tried.
here=$(dirname "$0")
enough='import sys; sys.exit(sys.version_info < (3, 11))'

if [ -n "${PYTHON:-}" ]; then
    if "$PYTHON" -c 'pass' >/dev/null 2>&1; then exec "$PYTHON" "$here/bootstrap.py" "$@"; fi
    echo "PYTHON=$PYTHON does not run: set PYTHON to a Python 3.11 or newer, or leave it unset." >&2
    exit 1
fi
for python in python3 python3.13 python3.12 python3.11 python; do
    if "$python" -c "$enough" >/dev/null 2>&1; then exec "$python" "$here/bootstrap.py" "$@"; fi
done
for python in python3 python; do  # too old: let it say so itself
    if "$python" -c 'pass' >/dev/null 2>&1; then exec "$python" "$here/bootstrap.py" "$@"; fi
done
echo "No Python was found: install Python 3.11 or newer (or set PYTHON to one) and run make again." >&2
exit 1
