#!/usr/bin/env bash
# Train and test one run in a clone of its own: pipeline/launch/item.sh COMMIT 'TASK NET SEED'…, from a checkout's root.
#
# Of several items a task of a Slurm array takes its own. The data are those that this checkout has prepared (data/), and
# the result goes into its run store (REPLICATION_SCRATCH, else .work): `dvc repro` here takes it from there. Nothing
# else here is touched. Killed and started again, it resumes. At the end of its time Slurm sends USR1: the training saves
# its state, and the item is queued again.
set -euo pipefail
head=$PWD commit=$1 items=("${@:2}")
read -r task net seed <<<"${items[${SLURM_ARRAY_TASK_ID:-0}]}"
export PATH="$head/.venv/bin:$PATH"
export DVC_ROOT=$head # where data are looked for, as in DVC's own temporary experiments
mkdir -p "${REPLICATION_SCRATCH:-.work}/clones"
REPLICATION_SCRATCH=$(cd "${REPLICATION_SCRATCH:-.work}" && pwd)
export REPLICATION_SCRATCH
export REPLICATION_TRACKING=${REPLICATION_TRACKING:-off} # one sqlite file bears one writer: `dvc repro` logs the runs

clone=$REPLICATION_SCRATCH/clones/${SLURM_JOB_ID:-$(uname -n)-$$}
trap 'rm -rf "$clone"' EXIT
rm -rf "$clone"
git clone -q --shared --no-checkout "$head" "$clone"
cd "$clone"
git checkout -q "$commit"
ln -s "$head/data" data
python -m pipeline.check

set -m # a process group of its own, which is interrupted as by Ctrl-C
python -m pipeline.train "$task" "$net" "$seed" &
child=$! ended=0 asked=
trap 'asked=again; kill -INT -- -$child' USR1
trap 'asked=no; kill -INT -- -$child' INT TERM
wait $child || ended=$?
while kill -0 $child 2>/dev/null; do # a signal ends the wait, not the child; nor does a stop (SIGSTOP)
    sleep 1
    ended=0
    wait $child || ended=$?
done
trap '' USR1 INT TERM
if [ $ended != 0 ]; then
    [ "$asked" != again ] || scontrol requeue "$SLURM_JOB_ID"
    exit $ended
fi
python -m pipeline.evaluate "$task" "$net" "$seed"
