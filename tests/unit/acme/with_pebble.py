#!/usr/bin/python3
"""Starts Pebble on loopback, runs a program against it and ends with the program's exit code.

    with_pebble.py --nonce-reject PERCENT PROGRAM [ARGUMENT...]

Fails when there is no Pebble here, and says how to get it.
"""

import argparse
import os
import random
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "pebble-testenv"))

import pebble_env  # noqa: E402


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def run(programs: pebble_env.PebblePrograms, scratch: Path, nonce_reject: int, command: list[str]) -> int:
    # An address of its own: nobody else takes ports there between choosing and binding.
    address = f"127.{random.randint(16, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
    dns = pebble_env.ChallTestSrv(programs, scratch, address, free_port(address), free_port(address), address)
    options = pebble_env.PebbleOptions(
        acme_port=free_port(address), management_port=free_port(address), tls_alpn_port=free_port(address),
        nonce_reject_percent=nonce_reject, alternate_roots=1, blocked_domains=("blocked.example",))
    pebble = pebble_env.Pebble(programs, scratch, address, dns.dns_address, options)
    try:
        dns.start()
        pebble.start()
        return subprocess.run(command, env={
            **os.environ,
            "PEBBLE_DIRECTORY": pebble.directory_url,
            "PEBBLE_CA_FILE": str(pebble.ca_file),
            "PEBBLE_ADDRESS": address,
            "PEBBLE_TLS_ALPN_PORT": str(options.tls_alpn_port),
            "PEBBLE_ALTERNATE_ROOTS": str(options.alternate_roots),
            "no_proxy": "*",
        }).returncode
    finally:
        pebble.stop()
        dns.stop()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nonce-reject", type=int, default=5)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    try:
        programs = pebble_env.PebblePrograms.find()
    except pebble_env.EnvironmentFailure as failure:
        print(failure, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="mesh-acme-pebble.") as scratch:
        return run(programs, Path(scratch), chosen.nonce_reject, chosen.command)


if __name__ == "__main__":
    sys.exit(main())
