#!/usr/bin/env bash
# Run one item of the study in a clone of its own: pipeline/launch/item.sh COMMIT STAGE, from the root of a checkout.
#
# With a stage train-… come those that look at the same net, score-… and analyse-…; other stages come alone. Of several
# items a task of a Slurm array takes its own. What is made goes to the DVC cache of this checkout and, if
# the project has one, to its DVC remote; nothing else here is touched. Killed and started again, it continues from
# REPLICATION_SCRATCH (.work). At the end of its time Slurm sends USR1: the training saves, and the item is queued again.
set -euo pipefail
head=$PWD commit=$1 items=("${@:2}")
item=${items[${SLURM_ARRAY_TASK_ID:-0}]}
export PATH="$head/.venv/bin:$PATH"
export DVC_ROOT=$head # where data and resume state are looked for, as in DVC's own temporary experiments
mkdir -p "${REPLICATION_SCRATCH:-.work}/clones"
REPLICATION_SCRATCH=$(cd "${REPLICATION_SCRATCH:-.work}" && pwd)
export REPLICATION_SCRATCH
export REPLICATION_TRACKING=${REPLICATION_TRACKING:-off} # many machines and one sqlite file do not agree: join adds the runs

clone=$REPLICATION_SCRATCH/clones/${SLURM_JOB_ID:-$(uname -n)-$$}
trap 'rm -rf "$clone"' EXIT
rm -rf "$clone"
git clone -q --shared --no-checkout "$head" "$clone"
cache=$(dvc cache dir)
cd "$clone"
git checkout -q "$commit"
[ ! -f "$head/.dvc/config.local" ] || cp "$head/.dvc/config.local" .dvc/
dvc cache dir --local "$cache"
remote=$(dvc config core.remote)
stages=()
while read -r stage; do
    stages+=("$stage")
done < <(dvc stage list --name-only | awk -v net="${item#train}" '{ of = $0; sub(/^[a-z]+/, "", of) } of == net')
[ ${#stages[@]} != 0 ] || stages=("$item")

set -m # a process group of its own, which is interrupted as by Ctrl-C: DVC waits until its stage has saved
dvc repro ${remote:+--pull} "${stages[@]}" &
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
[ -z "$remote" ] || dvc push --run-cache --with-deps "${stages[@]}"
