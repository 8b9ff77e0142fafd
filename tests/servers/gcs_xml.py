#!/usr/bin/env python3
"""gcs_xml.py BEHIND PORT: the XML interface of GCS on PORT, in front of fake-gcs-server's JSON interface on BEHIND.

Client libraries in the style of S3 speak XML; fake-gcs-server takes writes and lists in JSON only. Each request here
becomes one or two of those, and the server behind decides everything: what exists, generations, preconditions. The
one thing it does not know is `If-Match` on reads; that is compared here with the ETag of the very answer it gave.
Standard library only; both ports on 127.0.0.1."""

import http.client
import json
import re
import secrets
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

BEHIND, PORT = int(sys.argv[1]), int(sys.argv[2])
NAMESPACE = "http://doc.s3.amazonaws.com/2006-03-01"
READ_HEADERS = ("Range", "If-Modified-Since", "If-Unmodified-Since")
HOP_HEADERS = {"connection", "content-length", "date", "keep-alive", "transfer-encoding"}
ERRORS = {400: "InvalidArgument", 403: "AccessDenied", 404: "NoSuchKey", 412: "PreconditionFailed"}

uploads = {}
uploads_lock = threading.Lock()
per_thread = threading.local()


def ask(method, target, body=None, headers=None):
    """One request to the server behind: status, headers, body. A kept connection that went stale is opened anew."""
    kept = getattr(per_thread, "connection", None)
    for connection in filter(None, [kept, http.client.HTTPConnection("127.0.0.1", BEHIND, timeout=60)]):
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            content = answer.read()
        except (http.client.HTTPException, OSError) as e:
            connection.close()
            per_thread.connection = None
            # A write that may have happened is not repeated: its second attempt would fail its own condition.
            if connection is not kept or (method not in ("GET", "HEAD") and not isinstance(e, http.client.RemoteDisconnected)):
                raise
            continue
        per_thread.connection = connection
        return answer.status, answer.headers, content
    raise OSError("no connection")


def xml(text):
    """Text for an element: everything that is not plain as a character reference, so that any key survives."""
    return "".join(c if c.isalnum() or c in "-._/=+ :" else f"&#{ord(c)};" for c in str(text))


def object_path(bucket, key):
    return f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(key, safe='')}"


def insert(bucket, key, content, media_type, metadata, generation):
    """Writes an object, under a condition on its generation when one is given ("0": it must not exist)."""
    question = {"uploadType": "multipart", "name": key}
    if generation is not None:
        question["ifGenerationMatch"] = generation
    resource = {"name": key, "contentType": media_type, "metadata": metadata}
    mark = secrets.token_hex(16)
    body = b"".join(
        [
            f"--{mark}\r\nContent-Type: application/json\r\n\r\n{json.dumps(resource)}\r\n".encode(),
            f"--{mark}\r\nContent-Type: {media_type}\r\n\r\n".encode(),
            content,
            f"\r\n--{mark}--\r\n".encode(),
        ]
    )
    target = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?{urlencode(question)}"
    return ask("POST", target, body, {"Content-Type": f"multipart/related; boundary={mark}"})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Whole answers in one segment, not one write per header.
    wbufsize = -1

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def parse(self):
        parts = urlsplit(self.path)
        bucket, _, key = parts.path[1:].partition("/")
        self.bucket, self.key = unquote(bucket), unquote(key)
        self.question = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            self.body = b"".join(chunks)
        else:
            self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, headers=(), body=b"", length=None):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def answer_xml(self, status, document, headers=()):
        text = f"<?xml version='1.0' encoding='UTF-8'?>{document}"
        self.answer(status, [*headers, ("Content-Type", "application/xml")], text.encode())

    def refuse(self, status, why="", code=None):
        code = code or ERRORS.get(status, "InternalError")
        if isinstance(why, bytes):
            why = why[:300].decode(errors="replace")
        self.answer_xml(status, f"<Error><Code>{code}</Code><Message>{xml(why)}</Message></Error>")

    def do_GET(self):
        self.parse()
        if not self.key:
            return self.list_objects()
        wanted = {name: self.headers[name] for name in READ_HEADERS if name in self.headers}
        target = f"/{quote(self.bucket, safe='')}/{quote(self.key, safe='')}"
        status, headers, content = ask(self.command, target, None, wanted)
        if status not in (200, 206):
            return self.refuse(status, content)
        version = headers.get("ETag", "").strip('"')
        must, must_not = (self.headers.get(name, "").strip('"') for name in ("If-Match", "If-None-Match"))
        if must and must not in ("*", version):
            return self.refuse(412, "the object has another ETag")
        if must_not and must_not in ("*", version):
            return self.answer(304, [("ETag", f'"{version}"')])
        kept = [(name, value) for name, value in headers.items() if name.lower() not in HOP_HEADERS | {"etag"}]
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        self.answer(status, [*kept, ("ETag", f'"{version}"')], content, length)

    do_HEAD = do_GET

    def list_objects(self):
        question = {"maxResults": self.question.get("max-keys", "1000")}
        names = {"prefix": "prefix", "delimiter": "delimiter", "pageToken": "continuation-token"}
        question.update({ours: self.question[theirs] for ours, theirs in names.items() if self.question.get(theirs)})
        after = self.question.get("start-after")
        if after:
            # Theirs begins at a key, ours behind it: the next key there can be.
            question["startOffset"] = after + "\x00"
        status, _, content = ask("GET", f"/storage/v1/b/{quote(self.bucket, safe='')}/o?{urlencode(question)}")
        if status != 200:
            return self.refuse(status, content, "NoSuchBucket" if status == 404 else None)
        found = json.loads(content)
        parts = [f"<ListBucketResult xmlns='{NAMESPACE}'><Name>{xml(self.bucket)}</Name>"]
        for item in found.get("items", []):
            parts.append(
                f"<Contents><Key>{xml(item['name'])}</Key><Generation>{item['generation']}</Generation>"
                f"<LastModified>{item['updated']}</LastModified><ETag>\"{xml(item['etag'].strip(chr(34)))}\"</ETag>"
                f"<Size>{item['size']}</Size></Contents>"
            )
        for prefix in found.get("prefixes", []):
            parts.append(f"<CommonPrefixes><Prefix>{xml(prefix)}</Prefix></CommonPrefixes>")
        token = found.get("nextPageToken")
        if token:
            parts.append(f"<NextContinuationToken>{xml(token)}</NextContinuationToken>")
        parts.append(f"<IsTruncated>{'true' if token else 'false'}</IsTruncated></ListBucketResult>")
        self.answer_xml(200, "".join(parts))

    def written(self, status, content):
        """The answer to a write that the server behind decided."""
        if status != 200:
            return self.refuse(status, content, "NoSuchBucket" if status == 404 else None)
        made = json.loads(content)
        version = made["etag"].strip('"')
        self.answer(200, [("ETag", f'"{version}"'), ("x-goog-generation", str(made["generation"]))])

    def do_PUT(self):
        self.parse()
        generation = self.headers.get("x-goog-if-generation-match")
        media_type = self.headers.get("Content-Type", "application/octet-stream")
        if "uploadId" in self.question:
            return self.upload_part()
        if "x-goog-copy-source" in self.headers:
            bucket, _, key = unquote(self.headers["x-goog-copy-source"]).lstrip("/").partition("/")
            status, headers, content = ask("GET", object_path(bucket, key) + "?alt=media")
            if status != 200:
                return self.refuse(404, content)
            media_type = headers.get("Content-Type", media_type)
            status, _, content = insert(self.bucket, self.key, content, media_type, {}, generation)
            return self.written(status, content)
        prefix = "x-goog-meta-"
        metadata = {n[len(prefix) :].lower(): v for n, v in self.headers.items() if n.lower().startswith(prefix)}
        status, _, content = insert(self.bucket, self.key, self.body, media_type, metadata, generation)
        self.written(status, content)

    def do_DELETE(self):
        self.parse()
        if "uploadId" in self.question:
            with uploads_lock:
                uploads.pop(self.question["uploadId"], None)
            return self.answer(204)
        status, _, content = ask("DELETE", object_path(self.bucket, self.key))
        if status in (200, 204):
            return self.answer(204)
        self.refuse(status, content)

    # Uploads in parts are gathered here and written as one object when they are complete.

    def upload_part(self):
        with uploads_lock:
            parts = uploads.get(self.question["uploadId"])
        if parts is None:
            return self.refuse(404, "no such upload", "NoSuchUpload")
        mark = secrets.token_hex(16)
        parts[int(self.question["partNumber"])] = self.body
        self.answer(200, [("ETag", f'"{mark}"')])

    def do_POST(self):
        self.parse()
        if "uploads" in self.question:
            number = secrets.token_hex(16)
            with uploads_lock:
                uploads[number] = {}
            inside = f"<Bucket>{xml(self.bucket)}</Bucket><Key>{xml(self.key)}</Key><UploadId>{number}</UploadId>"
            return self.answer_xml(200, f"<InitiateMultipartUploadResult>{inside}</InitiateMultipartUploadResult>")
        if "uploadId" not in self.question:
            return self.refuse(400, "a POST begins or completes an upload in parts")
        with uploads_lock:
            parts = uploads.get(self.question["uploadId"])
        numbers = [int(n) for n in re.findall(rb"<PartNumber>(\d+)</PartNumber>", self.body)]
        if parts is None or not numbers or any(n not in parts for n in numbers):
            return self.refuse(400, "a part is missing", "InvalidPart")
        generation = self.headers.get("x-goog-if-generation-match")
        whole = b"".join(parts[n] for n in numbers)
        status, _, content = insert(self.bucket, self.key, whole, "application/octet-stream", {}, generation)
        if status != 200:
            return self.refuse(status, content)
        with uploads_lock:
            uploads.pop(self.question["uploadId"], None)
        made = json.loads(content)
        version = made["etag"].strip('"')
        inside = f"<Bucket>{xml(self.bucket)}</Bucket><Key>{xml(self.key)}</Key><ETag>\"{xml(version)}\"</ETag>"
        headers = [("ETag", f'"{version}"'), ("x-goog-generation", str(made["generation"]))]
        self.answer_xml(200, f"<CompleteMultipartUploadResult>{inside}</CompleteMultipartUploadResult>", headers)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


Server(("127.0.0.1", PORT), Handler).serve_forever()
