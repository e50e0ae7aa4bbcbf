"""Clients that say exactly how a connection went: who answered, under which certificate, how it ended."""

from __future__ import annotations

import errno
import hashlib
import socket
import ssl
import subprocess
import time
from pathlib import Path

from cryptography import x509
from pebble_env import require_tool

from .sockets import reset
from .waiting import scaled

TIMEOUT = 10.0


class HandshakeRefused(Exception):
    """The server did not finish the handshake. `reason`: the alert's name in lower case, such as
    'unrecognized_name', or 'certificate_verify_failed' (ours), 'closed', 'reset', 'timeout'."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def connect(address: tuple[str, int], seconds: float = TIMEOUT, source: str | None = None,
            receive_buffer: int | None = None) -> socket.socket:
    """A connected socket; `receive_buffer` makes its window small, for slow readers."""
    sock = socket.socket()
    try:
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(scaled(seconds))
        if source is not None:
            sock.bind((source, 0))
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    except BaseException:
        sock.close()
        raise


class _Stream:
    """What both clients share: reading to a count or to the end. `end` says how the other side
    ended: '' (not yet), 'fin', 'reset', and for TLS 'close_notify'."""

    end = ""

    def receive(self, size: int = 65536) -> bytes:
        raise NotImplementedError

    def receive_exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            data = self.receive(min(count - len(parts), 65536))
            assert data, f"{self.end} after {len(parts)} of {count} bytes"
            parts += data
        return bytes(parts)

    def receive_line(self) -> str:
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self.receive_exactly(1)
        return line[:-1].decode()

    def receive_to_end(self) -> bytes:
        parts = bytearray()
        while data := self.receive():
            parts += data
        return bytes(parts)

    def digest_to_end(self) -> tuple[int, str]:
        """Length and SHA-256 of everything to the end, without keeping it."""
        count, digest = 0, hashlib.sha256()
        while data := self.receive():
            count += len(data)
            digest.update(data)
        return count, digest.hexdigest()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        raise NotImplementedError


class TcpClient(_Stream):
    """Plain TCP. A reset is an end like another one, even one that is there before connect() has looked
    or while something is being sent."""

    def __init__(self, address: tuple[str, int], **how):
        self._was_reset = False
        try:
            self.socket = connect(address, **how)
        except ConnectionResetError:
            self.socket = socket.socket()
            self._was_reset = True

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            self._was_reset = True  # what came before is read first

    def receive(self, size: int = 65536) -> bytes:
        try:
            data = self.socket.recv(size)
        except OSError as error:
            if error.errno != errno.ECONNRESET and not self._was_reset:
                raise
            data, self._was_reset = b"", True
        if not data:
            self.end = "reset" if self._was_reset else "fin"
        return data

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        reset(self.socket)

    def close(self) -> None:
        self.socket.close()


class Authority:
    """What clients trust. Make one per kind of client and use it for many connections: sessions
    (tickets) can only be resumed under the same one."""

    def __init__(self, root_pem: str | None, *, alpn: list[str] | None = None, verify: bool = True,
                 minimum: ssl.TLSVersion | None = None, maximum: ssl.TLSVersion | None = None,
                 certificate: tuple[Path, Path] | None = None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not verify:
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE
        elif root_pem is not None:
            self.context.load_verify_locations(cadata=root_pem)
        if alpn is not None:
            self.context.set_alpn_protocols(alpn)
        if minimum is not None:
            self.context.minimum_version = minimum
        if maximum is not None:
            self.context.maximum_version = maximum
        if certificate is not None:
            self.context.load_cert_chain(certificate[0], certificate[1])


class TlsClient(_Stream):
    """A verified TLS connection. Works on memory BIOs, so that close_notify, FIN and RST can be
    sent, and told apart, on their own."""

    def __init__(self, address: tuple[str, int], server_name: str | None, authority: Authority, *,
                 session: ssl.SSLSession | None = None, sock: socket.socket | None = None, **how):
        try:
            self.socket = sock or connect(address, **how)
        except ConnectionResetError as error:
            raise HandshakeRefused("reset", str(error)) from None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = authority.context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name,
                                               session=session)
        try:
            self._handshake()
        except BaseException:
            self.socket.close()
            raise
        # Kept, because a connection that ended badly no longer tells.
        self.version: str = self._tls.version()
        self.alpn: str | None = self._tls.selected_alpn_protocol()
        self.cipher: str = self._tls.cipher()[0]

    # --- what was agreed on ---

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self._tls.getpeercert(binary_form=True))

    @property
    def serial(self) -> int:
        return self.certificate.serial_number

    @property
    def names(self) -> set[str]:
        names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return set(names.value.get_values_for_type(x509.DNSName))

    @property
    def session(self) -> ssl.SSLSession:
        """To resume from. TLS 1.3 sends it after the handshake: read something first."""
        return self._tls.session

    @property
    def resumed(self) -> bool:
        return self._tls.session_reused

    # --- bytes ---

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            count = self._tls.write(view[:16384 * 16])
            view = view[count:]
            self._flush()

    def receive(self, size: int = 65536) -> bytes:
        while True:
            try:
                data = self._tls.read(size)
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
                continue
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLEOFError:
                return b""  # `end` tells fin from reset
            if not data and not self.end:
                self.end = "close_notify"
            return data

    # --- ways to end ---

    def close_notify(self) -> None:
        """TLS's own end of sending; receiving goes on and TCP stays open."""
        try:
            self._tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLError):
            pass
        self._flush()

    def half_close(self) -> None:
        """close_notify and FIN, as a polite client ends its sending."""
        self.close_notify()
        self.socket.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """FIN without close_notify: truncation, as far as TLS can tell."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        reset(self.socket)

    def close(self) -> None:
        try:
            self.close_notify()
        except OSError:
            pass
        self.socket.close()

    # --- inside ---

    def _handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                self._flush()
                return
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLEOFError as error:
                raise HandshakeRefused(self.end or "closed", str(error)) from None
            except ssl.SSLError as error:
                self._flush_quietly()
                raise HandshakeRefused(_alert_name(error), str(error)) from None
            try:
                self._flush()
                self._fill()
            except (ConnectionResetError, BrokenPipeError) as error:
                raise HandshakeRefused("reset", str(error)) from None
            except TimeoutError as error:
                raise HandshakeRefused("timeout", str(error)) from None
            if self.end:
                raise HandshakeRefused("reset" if self.end == "reset" else "closed", "during the handshake")

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self.socket.sendall(data)

    def _flush_quietly(self) -> None:
        try:
            self._flush()
        except OSError:
            pass

    def _fill(self) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            self.end = "reset"
            self._incoming.write_eof()
            return
        if data:
            self._incoming.write(data)
        else:
            self.end = "fin"
            self._incoming.write_eof()


def _alert_name(error: ssl.SSLError) -> str:
    """'TLSV1_UNRECOGNIZED_NAME' or 'TLSV13_ALERT_CERTIFICATE_REQUIRED' -> the alert's own name."""
    name = (error.reason or "unknown").lower()
    for prefix in ("sslv3_", "tlsv13_", "tlsv1_"):
        name = name.removeprefix(prefix)
    return name.removeprefix("alert_")


def refusal(address: tuple[str, int], server_name: str | None, authority: Authority, **how) -> str:
    """Why the server refuses this handshake; '' when it does not. A TLS 1.3 server judges the
    client's certificate after the client has finished: that alert counts too."""
    try:
        with TlsClient(address, server_name, authority, **how) as client:
            try:
                client.receive()
            except ssl.SSLError as error:
                return _alert_name(error)
            except TimeoutError:
                return ""
            return client.end if client.end == "reset" else ""
    except HandshakeRefused as refused:
        return refused.reason


def handshake_seconds(address: tuple[str, int], server_name: str, authority: Authority) -> float:
    """Connect to handshake done."""
    start = time.monotonic()
    with TlsClient(address, server_name, authority):
        return time.monotonic() - start


def client_hello(name: str, alpn: list[str] | None = None) -> bytes:
    """The first flight of a real client that never sends a second."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(alpn)
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a client that wants no answer")


def s_client(address: tuple[str, int], server_name: str, *arguments: str, input: bytes = b"",
             seconds: float = TIMEOUT) -> subprocess.CompletedProcess:
    """`openssl s_client`, to its end; stdout and stderr are one text."""
    command = [require_tool("openssl", "openssl"), "s_client", "-connect", f"{address[0]}:{address[1]}",
               "-servername", server_name, *arguments]
    return subprocess.run(command, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=scaled(seconds))
