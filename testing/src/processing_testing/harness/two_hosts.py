"""A Dask cluster on two machines, by TLS: ``python -m processing_testing.harness.two_hosts FOLDER``.

The machines are network namespaces, as in `machines`; it must be run in a namespace of its own (``unshare -rn``). The
scheduler and the client are on this one, the workers on the other.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from processing_pool import cluster
from processing_testing.children import engine_tasks
from processing_testing.harness.dask_cluster import DaskCluster
from processing_testing.harness.machines import plug_in

_HERE, _THERE = "10.9.0.1", "10.9.0.2"


def main(folder: str) -> None:
    """Run a map there, and say on how many processes."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo there; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "there\n"  # now it is in its own namespace
        plug_in(other.pid)
        there = ["nsenter", "-t", str(other.pid), "-n"]
        subprocess.run([*there, "ip", "link", "set", "lo", "up"], check=True)
        use(engine_tasks.certificates(Path(folder)), there)
        other.kill()


def use(files: dict[str, str], there: list[str]) -> None:
    """Connect, and be refused without certificates."""
    with DaskCluster(1, files, _HERE, (there, _THERE)) as engine:
        with cluster.connect(engine.address, security=files, timeout=50) as machines, machines.Pool() as pool:
            print(engine.address.partition(":")[0], pool.map(engine_tasks.host, [0])[0])
        try:
            cluster.connect(engine.address.replace("tls", "tcp"))
        except ValueError:
            print("refused")


if __name__ == "__main__":
    main(sys.argv[1])
