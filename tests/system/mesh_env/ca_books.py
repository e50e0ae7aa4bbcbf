"""What a CA has on file for an account, asked for by ACME itself with the account's own key."""

from __future__ import annotations

import base64
import json
import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .store_file import Account


@dataclass(frozen=True)
class CaOrder:
    url: str
    names: frozenset[str]
    status: str
    issued: bool


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class CaBooks:
    """RFC 8555's list of an account's orders: also those whose answer never reached the client, but
    not those that failed. These can be asked for by their URL."""

    def __init__(self, pebble, account: Account):
        self._trust = ssl.create_default_context(cafile=str(pebble.ca_file))
        self._directory = pebble.directory()
        self._key = load_pem_private_key(account.key.encode(), None)
        self._url = account.url

    def orders(self) -> list[CaOrder]:
        found = []
        next_page = json.loads(self._post_as_get(self._url)[0])["orders"]
        while next_page:
            body, headers = self._post_as_get(next_page)
            found += [self.order(url) for url in json.loads(body).get("orders") or []]
            links = ", ".join(headers.get_all("Link") or [])
            more = re.search(r'<([^>]+)>\s*;\s*rel="next"', links)
            next_page = more[1] if more else None
        return found

    def order(self, url: str) -> CaOrder:
        order = json.loads(self._post_as_get(url)[0])
        return CaOrder(url, frozenset(one["value"] for one in order["identifiers"]), order["status"],
                       bool(order.get("certificate")))

    def _post_as_get(self, url: str):
        for _ in range(20):
            try:
                return self._post_as_get_once(url)
            except urllib.error.HTTPError as error:
                problem = error.read().decode()
                assert "badNonce" in problem, f"{url}: {problem}"
        raise AssertionError(f"{url}: every nonce was refused")

    def _post_as_get_once(self, url: str):
        head = urllib.request.Request(self._directory["newNonce"], method="HEAD")
        with urllib.request.urlopen(head, timeout=10, context=self._trust) as answer:
            nonce = answer.headers["Replay-Nonce"]
        protected = _base64url(json.dumps({"alg": "ES256", "kid": self._url, "nonce": nonce, "url": url}).encode())
        r, s = decode_dss_signature(self._key.sign(f"{protected}.".encode(), ec.ECDSA(hashes.SHA256())))
        signature = _base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        request = urllib.request.Request(
            url, method="POST", headers={"Content-Type": "application/jose+json"},
            data=json.dumps({"protected": protected, "payload": "", "signature": signature}).encode())
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:
            return answer.read(), answer.headers
