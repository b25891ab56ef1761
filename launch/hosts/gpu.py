"""Trains one experiment on several GPU hosts.

    python -m launch.hosts.gpu --hosts=host0,host1 --directory=CHECKOUT -- --experiment=NAME --workdir=RUN
    python -m launch.hosts.gpu --slurm_nodes=2 --directory=CHECKOUT -- --experiment=NAME --workdir=RUN

Each host runs `launch.train --strategy=multi_worker` on all its GPUs; after `--` come the flags of `launch.train`. The
first form goes by ssh, which must not ask for a password; the second starts a SLURM job step. CHECKOUT, RUN and the
data are directories that all hosts see under the same name. `--dry_run` prints what every host would run. The first
host is the chief: it writes RUN. When a host is lost all end, and the same command continues the run.
"""

from __future__ import annotations

import json
import shlex
import sys

from absl import flags

from launch.endings import plain_endings, prepare_streams
from launch.flags import run_app
from launch.hosts.remote import Command, run_all, training_flags

FLAGS = flags.FLAGS

flags.DEFINE_list("hosts", [], "names of the hosts, each host or host:port; the first is the chief")
flags.DEFINE_integer("port", 2222, "port of hosts that name none; all must reach it", lower_bound=1, upper_bound=65535)
flags.DEFINE_integer("slurm_nodes", 0, "start a SLURM job step on so many nodes instead of ssh", lower_bound=0)
flags.DEFINE_string("directory", ".", "checkout of this repository on the hosts")
flags.DEFINE_string("python", "python", "Python with this package installed, on the hosts")
flags.DEFINE_string("ssh", "ssh -o BatchMode=yes", "how a host is reached: this, its name and a command are run")
flags.DEFINE_bool("dry_run", False, "print the commands, run nothing")


def by_ssh(hosts: list, *, port: int, directory: str, python: str, ssh: str, training: list) -> list[Command]:
    """A command for each host, with its place in the cluster in TF_CONFIG."""
    names, addresses = [], []
    for host in hosts:
        name, _, own_port = host.partition(":")
        names.append(name)
        addresses.append(f"{name}:{own_port or port}")
    repeated = sorted({address for address in addresses if addresses.count(address) > 1})
    if repeated:
        raise ValueError(f"every host is named once; got {', '.join(repeated)} again.")
    commands = []
    for index, name in enumerate(names):
        config = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        train = shlex.join([python, "-m", "launch.train", "--strategy=multi_worker", *training])
        remote = f"cd {shlex.quote(directory)} && TF_CONFIG={shlex.quote(config)} exec {train}"
        commands.append(Command(addresses[index], [*shlex.split(ssh), name, remote]))
    return commands


def by_slurm(nodes: int, *, directory: str, python: str, training: list) -> list[Command]:
    """The job step: a process a node, which finds its place in SLURM's variables."""
    step = ["srun", f"--nodes={nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1", f"--chdir={directory}"]
    return [Command("srun", [*step, python, "-m", "launch.train", "--strategy=multi_worker", *training])]


def main(argv: list) -> None:
    """Starts the hosts named on the command line."""
    prepare_streams()
    with plain_endings():
        if bool(FLAGS.hosts) == bool(FLAGS.slurm_nodes):
            raise ValueError("say where to run: either --hosts=host0,host1 or --slurm_nodes=N.")
        where = {"directory": FLAGS.directory, "python": FLAGS.python, "training": training_flags(argv[1:])}
        if FLAGS.hosts:
            commands = by_ssh(FLAGS.hosts, port=FLAGS.port, ssh=FLAGS.ssh, **where)
        else:
            commands = by_slurm(FLAGS.slurm_nodes, **where)
        if FLAGS.dry_run:
            print("\n".join(map(str, commands)))
            return
        sys.exit(run_all(commands))


if __name__ == "__main__":
    run_app(main)
