#!/usr/bin/env bash
# One whole run: takes a lock of its own, clears what a killed run left behind, and becomes Snakemake.
#
# Snakemake refuses to start after it was killed, because its lock is still there. The lock is cleared here
# only if no run is alive: neither one that holds our lock, nor a snakemake that was started by hand.
set -euo pipefail
cd -P . # processes are found by the real path of the folder that they work in

if ! { exec 9>.make-figures.lock; } 2>/dev/null; then
    echo "The folder $PWD cannot be written to; results, logs and locks need a place." >&2
    exit 1
fi
# A run that was killed a moment ago may still hold it.
if ! flock --timeout 5 9; then
    echo "Another 'make figures' is running in this folder; wait for it, or stop it first." >&2
    exit 1
fi

# The Python processes that work in this folder and whose command holds a pattern, one number a line.
working_here() {
    local process
    for process in /proc/[0-9]*; do
        if [ "$(readlink "$process/cwd" 2>/dev/null)" = "$PWD" ] &&
            [[ "$(readlink "$process/exe" 2>/dev/null)" == */python* ]] &&
            tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -q -- "$1"; then
            echo "${process#/proc/}"
        fi
    done
}

for process in $(working_here '\(bin/snakemake\|-m snakemake\) '); do
    echo "snakemake is running in this folder (process $process); wait for it, or stop it first." >&2
    exit 1
done

# Jobs outlive a snakemake that was killed alone, and would write into what the new run reads.
orphans() { working_here "$PWD/.snakemake/scripts/"; }
for process in $(orphans); do
    echo "Stopping a job that outlived its run (process $process)." >&2
    kill "$process" 2>/dev/null || true
done
for _ in $(seq 100); do
    [ -z "$(orphans)" ] && break
    sleep 0.1
done
for process in $(orphans); do
    kill -KILL "$process" 2>/dev/null || true
    while [ -e "/proc/$process/exe" ]; do sleep 0.1; done
done

if [ -n "$(ls .snakemake/locks 2>/dev/null)" ]; then
    echo "Clearing the lock of a run that was killed."
    snakemake --unlock "$@"
fi

# Signals reach Snakemake itself, and our lock is held until it ends. What it may clear: see common.smk.
DIGIMUS_ALONE=1 exec snakemake "$@"
