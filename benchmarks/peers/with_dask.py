"""The same work through dask.distributed: two processes of one thread on this machine.

Run by ``benchmarks/side_by_side.py``, in an environment that has it.
"""

from __future__ import annotations

import time

import distributed
from work import PROCESSES, TASKS, measure


def main() -> None:
    """Start a cluster, and print the figures."""
    began = time.perf_counter()
    with (
        distributed.LocalCluster(n_workers=PROCESSES, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        measure(
            distributed.__version__, began,
            one=lambda name, x: client.submit(TASKS[name], x, pure=False).result(),
            many=lambda name, xs: client.gather(client.map(TASKS[name], xs, pure=False)),
        )


if __name__ == "__main__":
    main()
