"""Eddyline's shell, driven through a pseudo-terminal, and DuckDB, driven through pipes: one statement after the other
in one process, so that all is warm. Both are measured alike: the wall time from the statement to the answer, and the
processor time of the process in between.
"""

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time

import measure

#: What the shell prints after each statement once `\timing` is on.
DONE = re.compile(rb"\n(\d+\.\d{3}) s\r?\n")
#: An error follows the prompt, or stands on a line of its own.
REFUSED = re.compile(rb"(^|\n|eddyline> )error: .*\n")
LONGEST = 600


class Shell:
    """`eddyline sql` on a terminal."""

    def __init__(self, command):
        self.master, terminal = pty.openpty()
        settings = termios.tcgetattr(terminal)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, settings)
        # A terminal that can do nothing: plain lines in, plain lines out.
        environment = os.environ | {"TERM": "dumb"}
        self.process = subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
        )
        os.close(terminal)
        self.read_until(re.compile(rb"eddyline> $"))
        self.send("\\timing")
        self.read_until(re.compile(rb"times are shown\r?\neddyline> $"))

    def send(self, line):
        os.write(self.master, line.encode() + b"\n")

    def read_until(self, pattern):
        text, end = b"", time.monotonic() + LONGEST
        while not pattern.search(text):
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                sys.exit(f"eddyline sql did not answer within {LONGEST} s:\n{text[-2000:].decode(errors='replace')}")
            try:
                text += os.read(self.master, 1 << 16)
            except OSError:
                sys.exit(f"eddyline sql ended:\n{text[-2000:].decode(errors='replace')}")
            if REFUSED.search(text):
                sys.exit(f"eddyline sql refused a statement:\n{text[-2000:].decode(errors='replace')}")
        return text

    def run(self, statement):
        """(wall seconds, processor seconds)"""
        cpu, began = measure.cpu_so_far(self.process.pid), time.perf_counter()
        # Lines of a terminal hold 4,096 bytes at most.
        for line in (statement + ";").split("\n"):
            self.send(line)
        self.read_until(DONE)
        return time.perf_counter() - began, measure.cpu_so_far(self.process.pid) - cpu

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


class Pipe:
    """`duckdb_session.py`."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer = None
        if self.process.stdout.readline() != '"ready"\n':
            sys.exit("DuckDB did not start")

    def run(self, statement):
        """(wall seconds, processor seconds); `answer` is then what came."""
        cpu, began = measure.cpu_so_far(self.process.pid), time.perf_counter()
        self.process.stdin.write(json.dumps(statement) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        took = time.perf_counter() - began, measure.cpu_so_far(self.process.pid) - cpu
        self.answer = json.loads(line) if line else {"error": "DuckDB ended"}
        if "error" in self.answer:
            sys.exit(f"DuckDB refused a statement:\n{self.answer['error']}\n{statement[:2000]}")
        return took

    def close(self):
        self.process.stdin.close()
        self.process.wait()
