#!/usr/bin/env bash
# Run the study of this commit on Slurm: pipeline/launch/submit.sh [OPTION OF SBATCH]…, in a checkout that all nodes see.
#
# Prepares the data here, as nodes often have no network; then an array job trains and scores a net in each task, and a
# job that waits for all of them joins them in this checkout. Prints their numbers. The options are those of a task.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH"
if [ -n "$(git status --porcelain)" ]; then
    echo "submit: jobs run a commit, and files here differ from it; commit what \`git status\` lists, and submit again." >&2
    exit 1
fi
commit=$(git rev-parse HEAD)
logs=$(realpath -m "${REPLICATION_SCRATCH:-.work}")/slurm
mkdir -p "$logs"
pipeline/launch/item.sh "$commit" prepare
mapfile -t items < <(dvc stage list --name-only | grep '^train-')
if printf '%s\n' "${items[@]}" | grep -q '^train-\(localization\|rcnn\)@'; then
    echo "submit: nets of appendix C begin with others of the same study, which Slurm would train side by side; set" \
        "localization.nets and localization.rcnn to [], or train all with make study." >&2
    exit 1
fi
array=$(sbatch --parsable --job-name=replication --array="0-$((${#items[@]} - 1))" --requeue --signal=B:USR1@120 \
    --open-mode=append --output="$logs/%A_%a.txt" "$@" pipeline/launch/item.sh "$commit" "${items[@]}")
array=${array%%;*}
join=$(sbatch --parsable --job-name=replication-join --dependency="afterok:$array" --kill-on-invalid-dep=yes \
    --open-mode=append --output="$logs/%j-join.txt" pipeline/launch/join.sh "$commit")
echo "job $array: ${#items[@]} nets to train and score; job ${join%%;*} joins them here. Logs: $logs. \`squeue --me\` shows both."
