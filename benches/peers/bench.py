"""What every case works with: the programs, the folders, exports by size, and results that are kept.

A result is kept as JSON when its case ends, so that cases may be run at different times; RESULTS.md is made of all of
them, each with its own date and command.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MIB = 2**20
#: Ends the name of a peer that does less than the work: the columns as they came, no lineage.
BARE = "-bare"


@dataclass(frozen=True)
class Size:
    """What `eddyline generate` is asked for."""

    events: int
    days: int
    files_per_hour: int = 1

    @property
    def name(self):
        return f"{self.events}-{self.days}-{self.files_per_hour}"


@dataclass
class Bench:
    """One run of compare.py."""

    eddyline: str
    #: The bench of that name; none where no case needs it.
    one_stage: str | None
    target: Path
    #: Where exports and outputs go; a RAM disk measures no disk.
    folder: Path
    #: Where results are kept.
    kept: Path
    rounds: int
    quick: bool
    #: As typed, to be printed with the results.
    command: str

    @property
    def load_python(self):
        return str(self.target / "peers-load/bin/python")

    @property
    def query_python(self):
        return str(self.target / "peers-query/bin/python")

    def export(self, size):
        """The folder with `currents/` and `truth.json`, made when it is not there yet."""
        folder = self.folder / f"export-{size.name}"
        command = [self.eddyline, "generate", "--out", str(folder), "--events", str(size.events)]
        command += ["--days", str(size.days), "--files-per-hour", str(size.files_per_hour)]
        say(f"generating {size.events:,} events over {size.days} days")
        checked(command)
        return folder

    def fresh(self, name):
        """An empty folder of that name."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def load(self, source, warehouse):
        """The command that loads an export with Eddyline."""
        return [self.eddyline, "load", "--source", str(source), "--warehouse", str(warehouse), "--report", "json"]

    def keep(self, case, result):
        self.kept.mkdir(parents=True, exist_ok=True)
        (self.kept / f"{case}.json").write_text(json.dumps(result, indent=1))

    def found(self, case):
        path = self.kept / f"{case}.json"
        return json.loads(path.read_text()) if path.exists() else None


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def checked(command, **options):
    """What a command prints; ends the program when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)[:400]}\nended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def bytes_of(folder):
    """Bytes of all files below a folder."""
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)


def files_of(folder):
    """Files below a folder, sorted."""
    return sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)


def warm(folder):
    """Reads everything once, so that no round meets a cold disk."""
    for path in files_of(folder):
        with open(path, "rb", buffering=0) as file:
            while file.read(MIB):
                pass
