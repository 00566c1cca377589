#!/usr/bin/env bash
# Make an environment, install what the tests need, lint, and run every test: bash tests/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
environment="${TSSCD_ENVIRONMENT:-.venv-test}"
python3 -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
"$environment/bin/ruff" check .
"$environment/bin/ruff" format --check .
# One thread a process: the tests run small work, and threads that wait for each other cost more than they bring.
OMP_NUM_THREADS=1 MPLBACKEND=Agg "$environment/bin/python" -m pytest --durations=10 "$@"
