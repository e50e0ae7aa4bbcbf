# ctest: timeout=120
"""TLS 1.2's renegotiation: a client that asks for it is gone before its requests cost anything."""

import hashlib
import hmac
import ssl
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mesh_env import wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.tls_client import connect

HANDSHAKE, APPLICATION_DATA = 22, 23
CLIENT_HELLO = b"\x01\0\0\0"  # no client's library sends it a second time before the server has answered
ENOUGH = 8 << 20  # far more than the buffers between the two hold


def derive(secret: bytes, seed: bytes, size: int) -> bytes:
    """P_SHA256 (RFC 5246 §5)."""
    link, out = seed, b""
    while len(out) < size:
        link = hmac.digest(secret, link, hashlib.sha256)
        out += hmac.digest(secret, link + seed, hashlib.sha256)
    return out[:size]


class RecordWriter:
    """A TLS 1.2 connection with ECDHE-ECDSA-AES128-GCM-SHA256 whose records the test writes itself."""

    def __init__(self, address, name, root_pem, folder):
        context = ssl.create_default_context(cadata=root_pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        context.keylog_filename = str(folder / "keys")
        self.socket = connect(address)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
        received = b""
        while not self._done(tls):
            self.socket.sendall(outgoing.read())
            data = self.socket.recv(65536)
            assert data, "no handshake"
            received += data
            incoming.write(data)
        self.socket.sendall(outgoing.read())
        server_random = received[11:43]  # behind the headers of record and message, and the version
        _, client_random, master = (folder / "keys").read_text().split()[-3:]
        keys = derive(bytes.fromhex(master), b"key expansion" + server_random + bytes.fromhex(client_random), 40)
        self._cipher, self._salt = AESGCM(keys[:16]), keys[32:36]
        self._sequence = 1  # after Finished

    @staticmethod
    def _done(tls) -> bool:
        try:
            tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def send(self, kind: int, content: bytes) -> int:
        number = struct.pack(">Q", self._sequence)
        self._sequence += 1
        known = number + struct.pack(">BHH", kind, 0x303, len(content))
        sealed = self._cipher.encrypt(self._salt + number, content, known)
        record = struct.pack(">BHH", kind, 0x303, len(number) + len(sealed)) + number + sealed
        self.socket.sendall(record)
        return len(record)


def test_requests_without_end_end_the_connection(env):
    """The client never reads: what mesh would answer would have to stay in its memory."""
    name = "shop.example"
    authority = SigningAuthority()
    authority.write_pair(env.directory / "tls", "shop", name)
    backend = env.backend("app")
    mesh = env.mesh({
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {"routers": {"app": {"rule": rule(name), "service": "app", "tls": {}}},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
    })
    client = RecordWriter(env.at(), name, authority.pem, env.directory)
    client.send(APPLICATION_DATA, b"hello")
    wait_until(lambda: backend.wait_peer().received == 5, 10, "the test's own record at the backend")
    sent = 0
    try:
        while sent < ENOUGH:
            sent += client.send(HANDSHAKE, CLIENT_HELLO * 4000)
    except OSError:
        pass
    finally:
        client.socket.close()
    assert sent < ENOUGH
    assert mesh.running
