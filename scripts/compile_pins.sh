#!/bin/sh
# Compiles the pinned closures from the lists of what we chose: every version, every file's hash, every platform.
# What a list does not name keeps its version unless --upgrade (or --upgrade-package NAME) is given.
set -eu
for name in requirements requirements-oidc requirements-dev requirements-audit; do
    .venv-audit/bin/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
        --custom-compile-command "make pins" "$@" "$name.in" --output-file "$name.txt"
done
