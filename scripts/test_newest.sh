#!/bin/sh
# Runs the hostile bodies and the in-process tests on the newest Python >= 3.12 there is, in .venv-newest.
# A python3.x on the PATH may be a version manager's shim that refuses to run, so each is tried; its own folders come next.
# Exit status 3: there is none.
set -eu

newest() {
    for minor in 20 19 18 17 16 15 14 13 12; do
        for python in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python; do
            if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
                echo "$python"
                return
            fi
        done
    done
}

python=$(newest)
if [ -z "$python" ]; then
    echo "No Python newer than 3.11 runs here: put a python3.12 or newer on the PATH." >&2
    exit 3
fi
"$python" --version
[ -x .venv-newest/bin/python ] && [ "$(.venv-newest/bin/python --version)" = "$("$python" --version)" ] \
    || "$python" -m venv --clear .venv-newest
.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
.venv-newest/bin/python -m pytest -n 3 --dist worksteal tests/test_hostile.py tests/test_parse.py tests/test_board.py tests/test_any_order.py \
    tests/test_against_reference.py tests/test_reference.py tests/test_intake.py tests/test_journal.py
