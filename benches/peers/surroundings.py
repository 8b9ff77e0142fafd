"""Where and with what something was measured, to be printed with the numbers."""

import datetime
import os
import platform
import subprocess
from pathlib import Path


def machine():
    text = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{cores} cores ({model}), {memory:.0f} GiB, {platform.system()} {kernel} {platform.machine()}"


def load():
    return Path("/proc/loadavg").read_text().split()[0]


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def storage(folder):
    """The kind of file system a folder is on."""
    kind = subprocess.run(
        ["stat", "--file-system", "--format=%T", folder], capture_output=True, text=True, check=True
    ).stdout.strip()
    return "a RAM disk (tmpfs)" if kind == "tmpfs" else f"a disk ({kind})"


def version(python, package):
    """A package's version in another environment."""
    ask = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    return subprocess.run(
        [python, "-c", ask, package], capture_output=True, text=True, check=True
    ).stdout.strip()


def python():
    return platform.python_version()
