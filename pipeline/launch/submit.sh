#!/usr/bin/env bash
# Run the study of this commit on Slurm: pipeline/launch/submit.sh [OPTION OF SBATCH]…, in a checkout that all nodes see.
#
# Prepares the data here, as nodes often have no network. Then an array job trains and tests a run in each of its tasks,
# runs that start from others in a second array after it; and a job that waits for all of them makes tables and page in
# this checkout. Prints their numbers. The options are those of a task of an array.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH"
if [ -n "$(git status --porcelain -- . ':!dvc.lock')" ]; then
    echo "submit: jobs run a commit, and files here differ from it; commit what \`git status\` lists, and submit again." >&2
    exit 1
fi
commit=$(git rev-parse HEAD)
logs=$(realpath -m "${REPLICATION_SCRATCH:-.work}")/slurm
mkdir -p "$logs"
dvc repro check prepare
arrays=() after=() count=0
for wave in 0 1 2; do
    mapfile -t items < <(python -m pipeline.launch.items $wave)
    [ ${#items[@]} != 0 ] || continue
    array=$(sbatch --parsable --job-name=replication --array="0-$((${#items[@]} - 1))" --requeue --signal=B:USR1@120 \
        "${after[@]}" --open-mode=append --output="$logs/%A_%a.txt" "$@" pipeline/launch/item.sh "$commit" "${items[@]}")
    arrays+=("${array%%;*}") count=$((count + ${#items[@]}))
    after=(--dependency="afterok:${array%%;*}" --kill-on-invalid-dep=yes)
done
join=$(sbatch --parsable --job-name=replication-join --dependency="afterok$(printf ':%s' "${arrays[@]}")" \
    --kill-on-invalid-dep=yes --open-mode=append --output="$logs/%j-join.txt" pipeline/launch/join.sh "$commit")
echo "job ${arrays[*]}: $count runs to train and test; job ${join%%;*} joins them here. Logs: $logs. \`squeue --me\` shows all."
