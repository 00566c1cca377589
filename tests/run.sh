#!/usr/bin/env bash
# Make an environment, install what the tests need, lint, and run every test: bash tests/run.sh
# With arguments, pytest gets these: bash tests/run.sh tests/test_compare.py -k bands
set -euo pipefail
cd "$(dirname "$0")/.."
environment="${TSSCD_ENVIRONMENT:-.venv-test}"
python3 -m venv "$environment"
python="$environment/bin/python"
install() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }
install -r requirements.txt   # first, so that torch is the pinned one and all others suit it
install -r requirements.txt -r tests/requirements.txt
"$environment/bin/ruff" check .
"$environment/bin/ruff" format --check .
# One thread a process: the tests run small work, and threads that wait for each other cost more than they bring.
export OMP_NUM_THREADS=1 MPLBACKEND=Agg
if [ $# -gt 0 ]; then
    exec "$python" -m pytest --durations=10 "$@"
fi
# Two processes, one for each core of a small machine; a file of tests stays in one process.
exec "$python" -m pytest -n 2 --dist loadfile --durations=20
