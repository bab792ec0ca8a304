#!/usr/bin/env bash
# Make tables and page of what the items of a commit have trained: pipeline/launch/join.sh [COMMIT], from a checkout's root.
#
# It is a `dvc repro` in a checkout that still is that commit: runs and outcomes come from the run store, and only what is
# missing there is made. Writes dvc.lock, results/ and the page, for you to commit.
set -euo pipefail
commit=${1:-HEAD}
if [ "$(git rev-parse HEAD)" != "$(git rev-parse "$commit")" ] || [ -n "$(git status --porcelain -- . ':!dvc.lock')" ]; then
    echo "join: this checkout is not $commit as committed; run pipeline/launch/join.sh in a clean one: no run is lost." >&2
    exit 1
fi
export PATH="$PWD/.venv/bin:$PATH"
dvc --wait-for-lock repro
