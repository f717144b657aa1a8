"""What a worker offers its tasks: slots, cores, devices and memory, as the settings say or the machine has them."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Sequence

from taskq_kernel.julia_manifest import JuliaVersion
from taskq_kernel.local.machine import memory_bytes
from taskq_kernel.settings import Settings
from taskq_worker.claims.capacity import Capacity

log = logging.getLogger(__name__)

#: How long NVIDIA's program may take to list the devices, in seconds: the driver may have to be woken.
_LISTED_S = 60.0
#: A line of ``nvidia-smi -L``: a device, or, indented below it, an instance that it is partitioned into.
_DEVICE = re.compile(r"^(?P<part>\s+)?\S.*\(UUID: (?P<uuid>(?:GPU|MIG)-[^)]+)\)\s*$")


def slots_of(settings: Settings) -> int:
    """How many slots a worker has."""
    return settings.slots or os.cpu_count() or 1


def capacity_of(settings: Settings, julias: Sequence[JuliaVersion] = ()) -> Capacity:
    """What a worker's tasks share: as many cores as it has slots, and the devices and nine tenths of the memory of its
    machine, unless it is set; and which Julias there are for projects.
    """
    devices = nvidia_devices() if settings.devices is None else settings.devices
    if devices:
        log.info("tasks can ask for %d devices: %s", len(devices), ", ".join(devices))
    memory = settings.memory or memory_bytes() * 9 // 10
    return Capacity(settings.cores or slots_of(settings), devices, settings.device_variable, memory, julias)


def nvidia_devices() -> list[str]:
    """The UUIDs of NVIDIA's devices, as ``nvidia-smi -L`` lists them; none where there is no such program.

    Of a device that is partitioned (MIG) the instances count, and not the device.
    """
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, encoding="utf-8", errors="replace", timeout=_LISTED_S,
            check=False,
        )
    except FileNotFoundError:
        return []
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("the devices of this machine are not known: nvidia-smi cannot be run: %s", error)
        return []
    if listed.returncode != 0:
        said = " ".join((listed.stdout + listed.stderr).split())[:300]
        log.warning("the devices of this machine are not known: nvidia-smi ended with %d: %s", listed.returncode, said)
        return []
    return _uuids(listed.stdout)


def _uuids(listing: str) -> list[str]:
    found: list[str] = []
    whole: str | None = None
    for match in filter(None, map(_DEVICE.match, listing.splitlines())):
        if match["part"] is None:
            whole = match["uuid"]
        elif whole in found:
            found.remove(whole)
        found.append(match["uuid"])
    return found
