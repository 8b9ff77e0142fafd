#!/usr/bin/env python3
"""fault_proxy.py [--seed N] [--listen PORT] TARGET: a proxy on loopback that goes wrong on demand. TARGET is where it
leads, such as http://127.0.0.1:9000.

It first prints its own address, `http://127.0.0.1:PORT`, on a line. Then it reads commands from standard input, one
JSON object a line, and answers each with one line; it ends when standard input does.

    {"rules": [RULE, ...]}    replaces the rules and forgets how often they struck
    {"counts": true}          {"requests": {"list": 3, "get": 1, ...}, "faults": {"status": 2, ...}, "bytes": N}
    {"reset": true}           counts from zero again

A rule says which requests it is for and what becomes of them:

    "kind": "create|update"   a pattern of the kinds below; without it, all
    "method": "PUT|POST", "path": "tables/.*parquet"      patterns; `path` is searched in the decoded path and query
    "skip": 3, "count": 5     lets the first 3 that match pass, then strikes 5 times; without, none and for ever
    "probability": 0.3        strikes that often, by the seed
    "fault":
      "delay"      waits "seconds" before forwarding; the next rules still apply
      "throttle"   passes the answer on at "bytes_per_second"; the next rules still apply
      "status"     answers "status" (503) with "code" (SlowDown) and "retry_after" without forwarding
      "refuse"     cuts the connection without forwarding
      "lose"       forwards, waits for the whole answer, cuts the connection: what was asked for has happened
      "cut_body"   passes on half of the answer's body, then cuts the connection
      "halve"      passes on half of the answer's body as if it were all of it

    "reset": true             a cut is a reset of the connection, not an end of it; clients take the two differently

Kinds: list, get, head, create (a PUT that must find nothing), update (a PUT that must find a version), put, delete,
other. The Host header is passed on as it came, so that signatures hold. Standard library only."""

import argparse
import asyncio
import contextlib
import json
import random
import re
import socket
import struct
import sys
import urllib.parse
from collections import Counter

CHUNK = 64 << 10
LONGEST_HEAD = 256 << 10


class Message:
    """The head of a request or an answer, and how long what follows is."""

    def __init__(self, raw):
        self.raw = raw
        lines = raw.decode("latin-1").split("\r\n")
        self.first = lines[0].split(" ", 2)
        pairs = (line.partition(":") for line in lines[1:] if line)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}

    def chunked(self):
        return "chunked" in self.headers.get("transfer-encoding", "").lower()


async def read_head(reader):
    """The next message's head; None when the other side is done."""
    try:
        return Message(await reader.readuntil(b"\r\n\r\n"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def body_pieces(reader, message, until_end=False):
    """What follows a head, as it comes, framing included: length, chunks, or (`until_end`) all there is."""
    if message.chunked():
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
            if size == 0:
                return
    elif "content-length" in message.headers:
        left = int(message.headers["content-length"])
        while left:
            piece = await reader.read(min(left, CHUNK))
            if not piece:
                raise ConnectionResetError
            left -= len(piece)
            yield piece
    elif until_end:
        while piece := await reader.read(CHUNK):
            yield piece


def kind_of(method, path, headers):
    parts = urllib.parse.urlsplit(path)
    question = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    if method == "GET":
        return "list" if "list-type" in question or question.get("comp") == ["list"] else "get"
    if method == "PUT":
        generation = headers.get("x-goog-if-generation-match")
        if headers.get("if-none-match") == "*" or generation == "0":
            return "create"
        return "update" if "if-match" in headers or generation else "put"
    return {"HEAD": "head", "DELETE": "delete"}.get(method, "other")


class Rule:
    FAULTS = {"delay", "throttle", "status", "refuse", "lose", "cut_body", "halve"}
    KEYS = {"kind", "method", "path", "skip", "count", "probability", "fault", "seconds", "bytes_per_second"}
    KEYS |= {"status", "code", "retry_after", "reset"}

    def __init__(self, spec):
        unknown = set(spec) - self.KEYS
        if unknown or spec.get("fault") not in self.FAULTS:
            raise ValueError(f"not a rule: {spec}")
        self.spec, self.fault = spec, spec["fault"]
        self.seen = self.struck = 0

    def strikes(self, kind, method, path, dice):
        for name, value in (("kind", kind), ("method", method)):
            if name in self.spec and not re.fullmatch(self.spec[name], value):
                return False
        if "path" in self.spec and not re.search(self.spec["path"], path):
            return False
        self.seen += 1
        if self.seen <= self.spec.get("skip", 0) or self.struck >= self.spec.get("count", float("inf")):
            return False
        if dice.random() >= self.spec.get("probability", 1.0):
            return False
        self.struck += 1
        return True


class Proxy:
    def __init__(self, target, seed):
        parts = urllib.parse.urlsplit(target)
        self.host, self.port = parts.hostname, parts.port
        self.dice = random.Random(seed)
        self.rules = []
        self.reset()

    def reset(self):
        self.requests, self.faults, self.bytes = Counter(), Counter(), 0

    def command(self, line):
        asked = json.loads(line)
        if "rules" in asked:
            self.rules = [Rule(spec) for spec in asked["rules"]]
        elif "reset" in asked:
            self.reset()
        elif "counts" in asked:
            return {"requests": self.requests, "faults": self.faults, "bytes": self.bytes}
        else:
            raise ValueError(f"not a command: {asked}")
        return {"done": True}

    def judge(self, request):
        """The kind of a request is counted; what strikes it: waiting, speed, and the first other fault."""
        method, path = request.first[0], urllib.parse.unquote(request.first[1])
        kind = kind_of(method, request.first[1], request.headers)
        self.requests[kind] += 1
        seconds, speed, fault = 0.0, None, None
        for rule in self.rules:
            if fault and rule.fault not in ("delay", "throttle"):
                continue
            if not rule.strikes(kind, method, path, self.dice):
                continue
            self.faults[rule.fault] += 1
            if rule.fault == "delay":
                seconds += rule.spec.get("seconds", 0.1)
            elif rule.fault == "throttle":
                speed = rule.spec["bytes_per_second"]
            else:
                fault = rule
        return seconds, speed, fault

    async def serve(self, reader, writer):
        """One client's connection, with one of its own to the server."""
        behind, rule, cut = None, None, False
        try:
            while request := await read_head(reader):
                seconds, speed, rule = self.judge(request)
                fault = rule and rule.fault
                await asyncio.sleep(seconds)
                if fault in ("status", "refuse"):
                    # The request is taken whole: a client that is still sending would take the cut for another fault.
                    async for _ in body_pieces(reader, request):
                        pass
                    if fault == "refuse":
                        cut = True
                        return
                    writer.write(answer(rule.spec, request.first[0]))
                    await writer.drain()
                    continue
                if behind is None or behind[0].at_eof():
                    behind = await asyncio.open_connection(self.host, self.port, limit=LONGEST_HEAD)
                if not await self.forward(request, reader, writer, behind, fault, speed):
                    cut = fault is not None
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            # A cut comes at once; an ordinary end lets what is still on its way arrive.
            if cut and rule.spec.get("reset"):
                # What is not sent yet is dropped, and the other side is told of no end but of a breach.
                at_once = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            writer.transport.abort() if cut else writer.close()
            if behind:
                behind[1].close()

    async def forward(self, request, reader, writer, behind, fault, speed):
        """One request there and its answer back; whether the connection may be used again."""
        behind_reader, behind_writer = behind
        behind_writer.write(request.raw)
        async for piece in body_pieces(reader, request):
            self.bytes += len(piece)
            behind_writer.write(piece)
            await behind_writer.drain()
        while True:
            response = await read_head(behind_reader)
            if response is None:
                return False
            if response.first[1] != "100":
                break
        status = int(response.first[1])
        bare = request.first[0] == "HEAD" or status in (204, 304)
        until_end = not response.chunked() and "content-length" not in response.headers
        pieces = nothing() if bare else body_pieces(behind_reader, response, until_end)
        if fault == "lose":
            async for _ in pieces:
                pass
            return False
        if fault == "cut_body":
            body = b"".join([piece async for piece in pieces])
            writer.write(response.raw + body[: len(body) // 2])
            await writer.drain()
            return False
        if fault == "halve" and not bare:
            body = b"".join([unframed(piece, response) async for piece in pieces])
            writer.write(shortened(response, body[: len(body) // 2]))
            await writer.drain()
            return not until_end
        writer.write(response.raw)
        async for piece in pieces:
            self.bytes += len(piece)
            for at in range(0, len(piece), 4096 if speed else CHUNK):
                part = piece[at : at + (4096 if speed else CHUNK)]
                writer.write(part)
                await writer.drain()
                if speed:
                    await asyncio.sleep(len(part) / speed)
        await writer.drain()
        return not (until_end and not bare) and "close" not in response.headers.get("connection", "").lower()


def unframed(piece, message):
    """A piece of a body without the size that stands before a chunk."""
    return piece.partition(b"\r\n")[2][:-2] if message.chunked() else piece


def shortened(message, body):
    """A message with another body, whose length it gives."""
    lines = message.raw.rstrip(b"\r\n").split(b"\r\n")
    gone = (b"content-length:", b"transfer-encoding:")
    kept = [line for line in lines if not line.lower().startswith(gone)]
    return b"\r\n".join([*kept, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


async def nothing():
    return
    yield


def answer(spec, method):
    """A refusal in the words S3 and the XML interface of GCS use; Azure's clients look at the status alone."""
    status = spec.get("status", 503)
    code = spec.get("code", {429: "TooManyRequests", 500: "InternalError", 503: "SlowDown"}.get(status, "Refused"))
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>go away</Message></Error>'
    lines = [f"HTTP/1.1 {status} {code}", "Content-Type: application/xml", f"Content-Length: {len(body)}"]
    if "retry_after" in spec:
        lines.append(f"Retry-After: {spec['retry_after']}")
    return ("\r\n".join(lines) + "\r\n\r\n" + ("" if method == "HEAD" else body)).encode()


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--listen", type=int, default=0, metavar="PORT")
    parser.add_argument("target", metavar="TARGET")
    arguments = parser.parse_args()
    proxy = Proxy(arguments.target, arguments.seed)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", arguments.listen, limit=LONGEST_HEAD, backlog=256)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            said = proxy.command(line)
        except (ValueError, KeyError, re.error) as e:
            said = {"error": str(e)}
        print(json.dumps(said), flush=True)
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
