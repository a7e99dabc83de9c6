"""A real SLURM on this machine, for the length of a test: munged, slurmctld and a slurmd a node, by hand.

    with SlurmCluster(cpus=4, memory_mb=8000) as cluster:
        subprocess.run(["snakemake", "--profile", "profiles/slurm", ...], env=cluster.environment)

Everything lies in a folder of its own under /tmp; the daemons listen on 127.0.0.1 alone, on ports that were
free, so several clusters can run at once. Nodes may declare more cores than the machine has. There is no
accounting, so no `sacct`. A watching process stops whatever belongs to the cluster when this process dies, or
after `lifetime_s`.
"""

import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun")
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
ATTEMPTS = 3  # another program may take a port between our finding it free and its use
START_S = 30

CONFIGURATION = """\
ClusterName=digimus
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
KillWait={kill_wait_s}
MinJobAge={min_job_age_s}
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=300
MaxArraySize=10001
GresTypes=gpu
{nodes}
PartitionName={partition} Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Why no cluster can be started here; empty where one can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=SEARCHED) is None]
    if absent:
        return f"no SLURM here: {', '.join(absent)} not found (Debian's packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "SLURM's daemons start jobs as root; this is another user"
    return ""


class SlurmCluster:
    """A cluster of `n_nodes` nodes, node1, node2, ..., each with `cpus` cores and `memory_mb` of memory.

    `gpus`, such as "a100:2", are declared as well; there are none behind them.

    Raises
    ------
    RuntimeError
        What is missing, or which daemon did not start with the end of its log.
    """

    def __init__(
        self,
        n_nodes=1,
        cpus=2,
        memory_mb=8000,
        *,
        gpus="",
        partition="all",
        kill_wait_s=2,
        min_job_age_s=3600,
        lifetime_s=1800,
    ):
        self.nodes = [f"node{k}" for k in range(1, n_nodes + 1)]
        self.cpus, self.memory_mb, self.partition = cpus, memory_mb, partition
        self.kill_wait_s, self.min_job_age_s, self.lifetime_s = kill_wait_s, min_job_age_s, lifetime_s
        self.gpus = gpus
        self.folder = None
        self._daemons = {}
        self._watcher = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Start all daemons and wait until every node takes jobs."""
        if reason := missing():
            raise RuntimeError(reason)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start_once()
                return self
            except RuntimeError:
                self.stop()
                if attempt == ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise

    def stop(self):
        """Stop jobs and daemons and remove the folder; harmless where nothing runs."""
        if self.folder is None:
            return
        sweep(self.folder)
        for daemon in self._daemons.values():
            daemon.wait()
        if self._watcher is not None:
            self._watcher.stdin.close()
            self._watcher.wait()
        self._daemons, self._watcher = {}, None
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None

    @property
    def environment(self):
        """Environment variables for programs that use the cluster: ours, and SLURM_CONF."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_"))}
        path = os.pathsep.join([str(self.folder / "bin"), SEARCHED])
        return {**kept, "PATH": path, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *command):
        """What a SLURM command prints.

        Raises
        ------
        RuntimeError
            With what it said, if it fails.
        """
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def sbatch(self, command, *options):
        """Submit a shell command; its job number, as text."""
        return self.run("sbatch", "--parsable", *options, "--wrap", command).strip()

    def squeue(self, *states):
        """Jobs as {"id", "state", "comment", "nodes", "reason"}; of all states unless some are named.

        Finished ones are listed for `min_job_age_s`. Snakemake writes rule and wildcards into the comment.
        """
        wanted = ",".join(states) or "all"
        text = self.run("squeue", "--noheader", "--array", "--states", wanted, "--format", "%i|%T|%k|%N|%r")
        keys = ("id", "state", "comment", "nodes", "reason")
        return [dict(zip(keys, line.split("|"), strict=True)) for line in text.splitlines()]

    def scancel(self, job, *options):
        """Kill a job."""
        self.run("scancel", *options, str(job))

    def scontrol(self, *words):
        """What `scontrol` prints."""
        return self.run("scontrol", *words)

    def drain(self, node, reason="a test"):
        """Let a node's jobs end and give it no others."""
        self.scontrol("update", f"NodeName={node}", "State=DRAIN", f"Reason={reason}")

    def resume(self, node):
        """Let a drained node take jobs again."""
        self.scontrol("update", f"NodeName={node}", "State=RESUME")

    def node_states(self):
        """{node: state}, such as idle, mixed, allocated, drained, draining, down."""
        lines = self.run("sinfo", "--noheader", "--Node", "--format", "%N %T").splitlines()
        return dict(line.split() for line in lines)

    def stop_controller(self, kill=False):
        """Stop slurmctld, or kill it; running jobs go on, and no command is answered."""
        daemon = self._daemons.pop("slurmctld")
        daemon.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        daemon.wait(timeout=START_S)

    def start_controller(self):
        """Start slurmctld from its saved state and wait until it answers."""
        self._launch("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
        self._wait(self._controller_answers, "slurmctld")

    def restart_controller(self, pause_s=0.0, kill=False):
        """Stop the controller, wait, start it again and wait until it knows of its nodes."""
        self.stop_controller(kill)
        time.sleep(pause_s)
        self.start_controller()
        self._wait(lambda: not any("unk" in state for state in self.node_states().values()), *self._daemons)

    def _start_once(self):
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # a socket's path must be short
        self.folder.chmod(0o755)
        for name in ("state", *(f"spool.{node}" for node in self.nodes)):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        configuration = self.folder / "slurm.conf"
        configuration.write_text(self._configuration())
        self._declare_gpus()
        self._wrap_srun()
        self._watcher = subprocess.Popen(
            [sys.executable, __file__, str(self.folder), str(self.lifetime_s)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._start_munged()
        self.start_controller()
        for node in self.nodes:
            self._launch(f"slurmd.{node}", "-D", "-N", node, "-f", str(configuration))
        self._wait(lambda: set(self.node_states().values()) <= {"idle"}, *self._daemons)

    def _configuration(self):
        controller_port, *ports = free_ports(1 + len(self.nodes))
        host = socket.gethostname().split(".")[0]
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} Sockets=1 "
            f"CoresPerSocket={self.cpus} ThreadsPerCore=1 RealMemory={self.memory_mb} State=UNKNOWN"
            + (f" Gres=gpu:{self.gpus}" if self.gpus else "")
            for node, port in zip(self.nodes, ports, strict=True)
        ]
        return CONFIGURATION.format(
            folder=self.folder,
            host=host,
            controller_port=controller_port,
            kill_wait_s=self.kill_wait_s,
            min_job_age_s=self.min_job_age_s,
            partition=self.partition,
            nodes="\n".join(nodes),
        )

    def _declare_gpus(self):
        # SLURM counts a GPU where a device file of its name is; an empty file will do.
        kind, _, count = self.gpus.partition(":")
        files = [self.folder / f"gpu{k}" for k in range(int(count or 0))]
        for file in files:
            file.touch()
        lines = [f"Name=gpu Type={kind} File={file}\n" for file in files]
        (self.folder / "gres.conf").write_text("".join(lines))

    def _wrap_srun(self):
        # Snakemake's job step clears SLURM_* before it calls srun, which then looks in /etc/slurm.
        wrapper = self.folder / "bin/srun"
        wrapper.parent.mkdir()
        real = shutil.which("srun", path=SEARCHED)
        wrapper.write_text(f'#!/bin/sh\nexport SLURM_CONF={self.folder}/slurm.conf\nexec {real} "$@"\n')
        wrapper.chmod(0o755)

    def _start_munged(self):
        paths = {
            "socket": "socket",
            "key-file": "key",
            "log-file": "log",
            "pid-file": "pid",
            "seed-file": "seed",
        }
        options = [f"--{option}={self.folder}/munge.{suffix}" for option, suffix in paths.items()]
        # --force: it would not trust a log in a folder that others may read.
        self._launch("munged", "--foreground", "--force", "--num-threads=2", *options)
        self._wait((self.folder / "munge.socket").exists, "munged")

    def _launch(self, name, *options):
        program = shutil.which(name.split(".")[0], path=SEARCHED)
        with open(self.folder / f"{name}.out", "ab") as out:
            self._daemons[name] = subprocess.Popen(
                [program, *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _wait(self, ready, *names):
        """Wait until it is so; otherwise stop with the logs of the daemons that are to blame."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if any(self._daemons[name].poll() is not None for name in names):
                break
            try:
                if ready():
                    return
            except RuntimeError:
                pass  # the controller does not answer yet
            time.sleep(0.05)
        logs = [*self.folder.glob("*.out"), *self.folder.glob("*.log")]
        ends = [f"{path.name}: ...{path.read_text(errors='replace')[-1500:]}" for path in logs]
        raise RuntimeError(f"{' or '.join(names)} did not start within {START_S} s.\n" + "\n".join(ends))

    def _controller_answers(self):
        return "is UP" in self.run("scontrol", "ping")


def free_ports(n):
    """Numbers of `n` ports of 127.0.0.1 that are free now."""
    sockets = [socket.socket() for _ in range(n)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def members(folder):
    """Processes of a cluster: daemons, jobs, and programs started with its environment; this one excepted."""
    mark = f"SLURM_CONF={folder}/slurm.conf".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = mark in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if inside and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def sweep(folder):
    """Kill every process of a cluster, until none is left."""
    for _ in range(100):
        found = members(folder)
        if not found:
            return
        for process in found:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def watch(folder, lifetime_s):
    """Wait until whoever started this has ended, or for so long; then stop the cluster."""
    select.select([sys.stdin], [], [], lifetime_s)
    sweep(folder)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(sys.argv[1], float(sys.argv[2]))
