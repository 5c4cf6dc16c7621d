#!/usr/bin/env bash
# Compile requirements*.in into requirements*.txt again: every package at its newest version that fits,
# pinned with hashes. Prints what changed. Arguments go to uv (e.g. --upgrade-package fastapi instead of all).
set -euo pipefail
cd "$(dirname "$0")/.."

upgrade=("$@")
[ ${#upgrade[@]} -gt 0 ] || upgrade=(--upgrade)

compile() {
    .venv/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 \
        --custom-compile-command scripts/upgrade_deps.sh "${upgrade[@]}" "$1.in" --output-file "$1.txt"
}

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp requirements.txt requirements-dev.txt "$before"

compile requirements
compile requirements-dev

versions() { grep -o '^[a-zA-Z0-9._-]*==[^ ]*' "$1"; }
for lock in requirements.txt requirements-dev.txt; do
    echo "$lock:"
    if diff --unchanged-line-format= --old-line-format='  - %L' --new-line-format='  + %L' \
        <(versions "$before/$lock") <(versions "$lock"); then
        echo "  no change of version"
    fi
done
