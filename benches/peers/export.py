"""The export as a peer finds it: which files belong to which table, schema and queue day. Standard library only.

What a key says is all that is used: `event_type=`, `date=` and the folder after it, which names the writer schema.
Every peer calls this within its own measured time.
"""

import json
import os
import re
from collections import defaultdict
from dataclasses import dataclass, field

#: Columns that hold a moment as a number: microseconds in one of it.
MOMENTS = {"time": 1_000_000, "send_time": 1_000_000, "time_ms": 1_000}

PLACE = re.compile(r"event_type=([^/]+)/date=(\d{4}-\d\d-\d\d)-\d\d/([^/]+)/")


@dataclass
class Table:
    """An event type's files."""

    event_type: str = ""
    #: (schema, queue day) to paths. Files of one schema have the same columns.
    files: dict = field(default_factory=lambda: defaultdict(list))
    #: Bytes of the files.
    size: int = 0

    def schemas(self):
        """Schema to paths."""
        by_schema = defaultdict(list)
        for (schema, _), paths in self.files.items():
            by_schema[schema] += paths
        return by_schema

    def paths(self):
        """(queue day, path) of every file."""
        return [(day, path) for (_, day), paths in self.files.items() for path in paths]


def tables(root):
    """Table name to Table, the largest first: what is long is begun early."""
    found = defaultdict(Table)
    folders = [root]
    while folders:
        for entry in os.scandir(folders.pop()):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
                continue
            place = PLACE.search(entry.path)
            if place is None or not entry.name.endswith(".avro"):
                continue
            event_type, day, schema = place.groups()
            table = found[event_type.lower().replace(".", "_")]
            table.event_type = event_type
            table.files[schema, day].append(entry.path)
            table.size += entry.stat().st_size
    return dict(sorted(found.items(), key=lambda item: -item[1].size))


def writer_schema(path):
    """The schema in an Avro file's header, as JSON."""
    with open(path, "rb") as file:
        head = file.read(1 << 16)
    at = head.index(b"avro.schema") + len(b"avro.schema")
    length = shift = 0
    while True:
        byte = head[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    length >>= 1  # zigzag; a length is never negative
    if at + length > len(head):
        with open(path, "rb") as file:
            head = file.read(at + length)
    return json.loads(head[at : at + length])
