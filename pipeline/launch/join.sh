#!/usr/bin/env bash
# Join the items of a commit: pipeline/launch/join.sh [COMMIT [TARGET…]], from the root of a clean checkout of it.
#
# Takes each run and its scores from the DVC cache or remote and trains nothing that is there; writes the tables, the page
# and dvc.lock, for you to commit; and adds to MLflow the runs that it lacks. Seconds for what is copied, then the page.
set -euo pipefail
commit=${1:-HEAD} targets=("${@:2}")
if [ "$(git rev-parse HEAD)" != "$(git rev-parse "$commit")" ] || [ -n "$(git status --porcelain)" ]; then
    echo "join: this checkout is not $commit as committed; run pipeline/launch/join.sh in a clean one: no run is lost." >&2
    exit 1
fi
export PATH="$PWD/.venv/bin:$PATH"
remote=$(dvc config core.remote)
dvc --wait-for-lock repro ${remote:+--pull} ${targets[@]+"${targets[@]}"}
[ "${REPLICATION_TRACKING:-}" = off ] || python -m pipeline.track
