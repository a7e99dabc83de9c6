#!/usr/bin/env bash
# One whole run: takes a lock of its own, clears what a killed run left behind, and runs Snakemake.
#
# Snakemake refuses to start after it was killed, because its lock is still there. The lock is cleared here
# only if no run is alive: neither one that holds our lock, nor a snakemake that was started by hand.
set -euo pipefail

exec 9>.make-figures.lock
if ! flock --nonblock 9; then
    echo "Another 'make figures' is running in this folder; wait for it, or stop it first." >&2
    exit 1
fi

for process in /proc/[0-9]*; do
    if [ "$(readlink "$process/cwd" 2>/dev/null)" = "$PWD" ] &&
        tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q 'bin/snakemake '; then
        echo "snakemake is running in this folder (process ${process#/proc/}); wait for it, or stop it first." >&2
        exit 1
    fi
done

if [ -n "$(ls .snakemake/locks 2>/dev/null)" ]; then
    echo "Clearing the lock of a run that was killed."
    snakemake --unlock "$@"
fi

snakemake "$@"
