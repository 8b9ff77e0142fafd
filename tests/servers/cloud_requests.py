"""The few requests the tests' servers are asked before the program under test comes: make a bucket, put, get and
delete an object. Keys go out exactly as given, also those no client library would send. Standard library only."""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import urllib.parse


class Refused(Exception):
    """The server answered, but not with what was asked for."""


def send(endpoint, method, target, headers, body, accept):
    """One request; the answer's body. `target` is the path and query, already encoded."""
    parts = urllib.parse.urlsplit(endpoint)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    except http.client.HTTPException as e:
        raise Refused(f"{method} {target}: {e!r}") from e
    finally:
        connection.close()
    if answer.status not in accept:
        raise Refused(f"{method} {target}: {answer.status} {content[:300].decode(errors='replace')}")
    return content


def encoded(text, safe=""):
    return urllib.parse.quote(text, safe="-._~" + safe)


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


class S3:
    """Signature version 4, path style."""

    def __init__(self, endpoint, key_id, secret, region="us-east-1"):
        self.endpoint, self.key_id, self.secret, self.region = endpoint, key_id, secret, region

    def make_bucket(self, bucket):
        self._ask("PUT", bucket, "", b"", (200, 409))

    def put(self, bucket, key, body):
        self._ask("PUT", bucket, key, body, (200,))

    def get(self, bucket, key):
        return self._ask("GET", bucket, key, b"", (200,))

    def delete(self, bucket, key):
        self._ask("DELETE", bucket, key, b"", (200, 204))

    def _ask(self, method, bucket, key, body, accept):
        now = utc_now()
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        target = "/" + encoded(bucket) + ("/" + encoded(key, "/") if key else "")
        hashed = hashlib.sha256(body).hexdigest()
        headers = {
            "host": urllib.parse.urlsplit(self.endpoint).netloc,
            "x-amz-content-sha256": hashed,
            "x-amz-date": stamp,
        }
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = "\n".join([method, target, "", lines, names, hashed])
        scope = f"{day}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
        signing_key = ("AWS4" + self.secret).encode()
        for part in (day, self.region, "s3", "aws4_request"):
            signing_key = hmac.new(signing_key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(signing_key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return send(self.endpoint, method, target, headers, body, accept)


class Azure:
    """Shared key, with the account in the path as Azurite has it."""

    def __init__(self, endpoint, account, key):
        self.endpoint, self.account, self.key = endpoint, account, key

    def make_bucket(self, bucket):
        self._ask("PUT", bucket, "", b"", (201, 409), "restype", "container")

    def put(self, bucket, key, body):
        self._ask("PUT", bucket, key, body, (201,))

    def get(self, bucket, key):
        return self._ask("GET", bucket, key, b"", (200,))

    def delete(self, bucket, key):
        self._ask("DELETE", bucket, key, b"", (202,))

    def _ask(self, method, bucket, key, body, accept, name=None, value=None):
        path = "/" + "/".join([self.account, encoded(bucket)] + ([encoded(key, "/")] if key else []))
        ours = {"x-ms-date": utc_now().strftime("%a, %d %b %Y %H:%M:%S GMT"), "x-ms-version": "2023-11-03"}
        if method == "PUT" and key:
            ours["x-ms-blob-type"] = "BlockBlob"
        length = str(len(body)) if body else ""
        resource = f"/{self.account}{path}" + (f"\n{name}:{value}" if name else "")
        # Content-Encoding, -Language, -Length, -MD5, -Type, Date, four conditions, Range.
        standard = [method, "", "", length, "", "", "", "", "", "", "", ""]
        to_sign = "\n".join(standard + [f"{header}:{ours[header]}" for header in sorted(ours)] + [resource])
        signature = hmac.new(base64.b64decode(self.key), to_sign.encode(), hashlib.sha256).digest()
        headers = {
            **ours,
            "Content-Length": str(len(body)),
            "Authorization": f"SharedKey {self.account}:{base64.b64encode(signature).decode()}",
        }
        target = path + (f"?{name}={value}" if name else "")
        return send(self.endpoint, method, target, headers, body, accept)


class GCS:
    """The XML interface; buckets are made through the JSON one of the server behind it."""

    def __init__(self, endpoint, behind):
        self.endpoint, self.behind = endpoint, behind

    def make_bucket(self, bucket):
        body = json.dumps({"name": bucket}).encode()
        headers = {"Content-Type": "application/json"}
        send(self.behind, "POST", "/storage/v1/b?project=test", headers, body, (200, 409))

    def put(self, bucket, key, body):
        send(self.endpoint, "PUT", self._target(bucket, key), {}, body, (200,))

    def get(self, bucket, key):
        return send(self.endpoint, "GET", self._target(bucket, key), {}, None, (200,))

    def delete(self, bucket, key):
        send(self.endpoint, "DELETE", self._target(bucket, key), {}, None, (200, 204))

    def _target(self, bucket, key):
        return f"/{encoded(bucket)}/{encoded(key, '/')}"
