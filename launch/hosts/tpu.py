"""Trains one experiment on a Cloud TPU, one host or a pod.

    python -m launch.hosts.tpu --name=TPU --zone=ZONE --directory=CHECKOUT -- --experiment=NAME --workdir=gs://BUCKET/RUN

TensorFlow drives all hosts of a pod from its first one. So the package is checked on every host, and `launch.train`
runs on host 0 alone, with all cores of the pod; after `--` come its flags. `--dry_run` prints the commands. They need
`gcloud`, and a TPU VM whose software version has TensorFlow with TPU kernels: see docs/guides/distribute.md.
"""

from __future__ import annotations

import shlex
import sys

from absl import flags

from launch.endings import plain_endings, prepare_streams
from launch.flags import run_app
from launch.hosts.remote import Command, run_all, training_flags

FLAGS = flags.FLAGS

flags.DEFINE_string("name", "", "name of the TPU")
flags.DEFINE_string("zone", "", "zone of the TPU")
flags.DEFINE_bool("pod", True, "the TPU has several hosts; false for one host")
flags.DEFINE_string("directory", ".", "checkout of this repository on every host of the TPU")
flags.DEFINE_string("python", "python3", "Python with this package installed, on the hosts")
flags.DEFINE_bool("dry_run", False, "print the commands, run nothing")


def plan(name: str, *, zone: str, pod: bool, directory: str, python: str, training: list) -> list[list[Command]]:
    """What runs, one list after the other: the check on all hosts, then the training on host 0."""
    if not name or not zone:
        raise ValueError(f"say which TPU: --name=TPU --zone=ZONE; got name='{name}', zone='{zone}'.")
    here = f"cd {shlex.quote(directory)} &&"
    check = f"{here} {shlex.quote(python)} -c 'import supcon_tf; print(supcon_tf.__version__)'"
    # In a pod the hosts' own TPU library stays unloaded, for the TPU's server of each host holds the chips.
    variables = f"TPU_NAME={shlex.quote(name)} TPU_LOAD_LIBRARY=0 " if pod else ""
    address = name if pod else "local"
    train = shlex.join([python, "-m", "launch.train", "--strategy=tpu", f"--tpu={address}", *training])
    return [[_on(name, zone, "all", check)], [_on(name, zone, "0", f"{here} {variables}exec {train}")]]


def _on(name, zone, worker, command) -> Command:
    words = ["gcloud", "compute", "tpus", "tpu-vm", "ssh", name, f"--zone={zone}", f"--worker={worker}"]
    return Command(f"{name} worker {worker}", [*words, f"--command={command}"])


def main(argv: list) -> None:
    """Checks and starts the TPU named on the command line."""
    prepare_streams()
    with plain_endings():
        where = {"zone": FLAGS.zone, "pod": FLAGS.pod, "directory": FLAGS.directory, "python": FLAGS.python}
        stages = plan(FLAGS.name, training=training_flags(argv[1:]), **where)
        if FLAGS.dry_run:
            print("\n".join(str(command) for commands in stages for command in commands))
            return
        for commands in stages:
            status = run_all(commands)
            if status:
                sys.exit(status)


if __name__ == "__main__":
    run_app(main)
