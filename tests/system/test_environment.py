# ctest: timeout=120
"""The test environment itself: what the other tests stand on does what they think it does."""

import hashlib
import socket
import ssl
import struct
import threading

import pytest
from mesh_env import Authority, EnvironmentFailure, TcpClient, TestCa, TlsClient, echo, parse_line, refusal, require_tool


def ask_a(dns_address: str, name: str) -> str:
    """One DNS query for an IPv4 address."""
    host, port = dns_address.rsplit(":", 1)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">2H", 1, 1), (host, int(port)))
        answer = sock.recv(512)
    assert answer[3] & 0x0F == 0 and struct.unpack(">H", answer[6:8])[0] == 1
    record = 12 + len(labels) + 4
    record += 2 if answer[record] & 0xC0 else len(labels)  # the name, compressed or in full
    assert struct.unpack(">H", answer[record:record + 2])[0] == 1
    return socket.inet_ntoa(answer[record + 10:record + 14])


def test_pebble_is_new_enough_for_profiles(env):
    pebble = env.pebble(profiles={"short": 60})
    assert list(pebble.directory()["meta"]["profiles"]) == ["short"]


def test_pebble_forgets_its_root_when_it_restarts(env):
    pebble = env.pebble(nonce_reject_percent=15)
    before = pebble.root_pem()
    assert before.startswith("-----BEGIN CERTIFICATE-----")
    pebble.restart()
    assert pebble.root_pem() != before


def test_the_ca_is_trusted_by_its_own_certificate_alone(env, tmp_path):
    pebble = env.pebble()
    stranger = TestCa.create(tmp_path / "stranger", ["127.0.0.1"])
    at = (pebble.address, pebble.options.acme_port)
    assert refusal(at, "localhost", Authority(stranger.ca_file.read_text())) == "certificate_verify_failed"
    with TlsClient(at, "localhost", Authority(pebble.ca_file.read_text())) as client:
        assert client.names == {"localhost"}


def test_every_name_is_this_environment_until_told_otherwise(env):
    dns = env.dns()
    assert ask_a(dns.dns_address, "shop.example") == env.loopback.address
    dns.add_a("shop.example", "127.9.9.9")
    assert ask_a(dns.dns_address, "shop.example") == "127.9.9.9"
    dns.clear_a("shop.example")
    assert ask_a(dns.dns_address, "shop.example") == env.loopback.address


def test_two_environments_never_meet(env, tmp_path):
    from mesh_env import Environment
    folder = tmp_path / "other"
    folder.mkdir()
    with Environment(folder) as other:
        assert env.loopback.address != other.loopback.address


def test_backend_half_closes_and_counts(env):
    backend = env.backend("shop")
    with TcpClient(env.at("backend-shop")) as client:
        assert client.receive_line() == "shop"
        payload = bytes(range(256)) * 4096
        writer = threading.Thread(target=lambda: (client.send(payload), client.half_close()))
        writer.start()
        count, digest = client.digest_to_end()
        writer.join()
        assert (count, digest) == (len(payload), hashlib.sha256(payload).hexdigest())
        assert client.end == "fin"
    assert backend.wait_peer().received == len(payload)


def test_backend_resets_and_refuses(env):
    backend = env.backend("shop", echo)
    with TcpClient(env.at("backend-shop")) as client:
        backend.wait_peer().reset()
        assert client.receive() == b"" and client.end == "reset"
    backend.refuse()
    with pytest.raises(ConnectionRefusedError):
        TcpClient(env.at("backend-shop"))


@pytest.mark.parametrize("ending", ["close_notify", "fin", "reset"])
def test_the_tls_client_tells_how_the_server_ended(env, tmp_path, ending):
    ca = TestCa.create(tmp_path / "ca", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.certificate, ca.key)

    def serve(backend, peer):
        tls = context.wrap_socket(peer.socket.dup(), server_side=True, suppress_ragged_eofs=False)
        assert tls.recv(5) == b"hello"
        tls.sendall(b"answer")
        if ending == "close_notify":
            try:
                tls.setblocking(False)
                tls.unwrap()
            except ssl.SSLError:
                pass
        raw = tls.detach()
        socket.socket(fileno=raw).close()
        if ending == "reset":
            peer.reset()

    env.backend("tls", serve)
    with TlsClient(env.at("backend-tls"), "localhost", Authority(ca.ca_file.read_text())) as client:
        client.send(b"hello")
        assert client.receive_exactly(6) == b"answer"
        assert client.receive_to_end() == b""
        assert client.end == ending
        assert client.version == "TLSv1.3"


def test_log_lines_are_read_in_both_formats():
    common = parse_line(r'<6>time=2026-01-01T00:00:00.000Z level=INFO msg="a \"b\" \x07" event=cert_live names=a,b')
    assert (common.event, common["names"], common["msg"]) == ("cert_live", "a,b", 'a "b" \x07')
    assert parse_line('{"event":"ready","level":"INFO","listeners":2}')["listeners"] == "2"
    assert parse_line("AddressSanitizer: something else").event == ""


def test_a_missing_tool_says_what_to_install():
    with pytest.raises(EnvironmentFailure, match="apt-get install some-package"):
        require_tool("no-such-program", "some-package")
