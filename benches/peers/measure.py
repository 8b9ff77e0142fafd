"""One command's wall time, processor time and peak memory, with those of everything it starts.

Processor time is user plus system time as the kernel accounts it to the process and the children it waited for. Memory
is the larger of the process's own high-water mark and the most that was seen of the whole tree's resident memory,
looked at every 20 milliseconds.
"""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 0.02


@dataclass
class Measured:
    """Seconds, seconds and bytes; and what was printed."""

    wall: float
    cpu: float
    peak: int
    printed: str = ""


def tree(pid):
    """The process and all that descend from it, as far as they still run."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children") as file:
                    todo += map(int, file.read().split())
        except OSError:
            continue
    return found


def resident(pid):
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def high_water(pid):
    """The most a process ever had resident, as far as it has run."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


def cpu_so_far(pid):
    """Processor seconds of a process that runs, in hundredths."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def run(command, **options):
    """Runs it to its end; ends this program when it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, **options)
        seen, over = [0], threading.Event()

        def watch():
            while not over.wait(EVERY):
                seen.append(max(seen.pop(), high_water(process.pid), sum(map(resident, tree(process.pid)))))

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        over.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read().decode(errors="replace")
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(command)[:400]}\nended with {process.returncode}:\n{errors.read().decode()[-4000:]}")
    # The kernel counts a child's from what its parent had when it was started: no more than that says nothing.
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = max(seen[0], usage.ru_maxrss * 1024 if usage.ru_maxrss > inherited else 0)
    return Measured(wall, usage.ru_utime + usage.ru_stime, peak, printed)
