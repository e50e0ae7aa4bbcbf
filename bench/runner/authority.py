"""A real CA on this machine: Pebble, which validates at the server's own listener."""

import re
import sys
from collections import Counter
from pathlib import Path

from .processes import Failed
from .setup import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "pebble-testenv"))
import pebble_env  # noqa: E402

VALIDATED = "127.0.77.201"
"""Where every name leads to: the server whose certificates are measured listens there."""
PORT = 5001
REQUEST = re.compile(r"(GET|POST|HEAD) (/[^ /]*)\S* -> calling handler")


def requests_of(log: str) -> Counter:
    """How often each of Pebble's end points was asked, refused nonces included."""
    return Counter(f"{method} {path}" for method, path in REQUEST.findall(log))


class Authority:
    """One nonce in twenty is refused, validations are not put off, and an order or authorization that is not ready
    yet may be asked for again after a second."""

    ADDRESS = "127.0.77.200"

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            programs = pebble_env.PebblePrograms.find()
            self.version = programs.version
            self.dns = pebble_env.ChallTestSrv(programs, folder, self.ADDRESS, 8053, 8055, default_ipv4=VALIDATED)
            self.pebble = pebble_env.Pebble(
                programs, folder, self.ADDRESS, self.dns.dns_address,
                pebble_env.PebbleOptions(tls_alpn_port=PORT, nonce_reject_percent=5))
        except pebble_env.EnvironmentFailure as failure:
            raise Failed(f"no Pebble: {failure}")
        self.root = folder / "root.pem"

    def __enter__(self):
        try:
            self.dns.start()
            self.pebble.start()
            self.root.write_text(self.pebble.root_pem())
        except (pebble_env.EnvironmentFailure, OSError) as failure:
            self.__exit__()
            raise Failed(f"Pebble does not start: {failure}")
        return self

    def __exit__(self, *_):
        self.pebble.stop()
        self.dns.stop()

    @property
    def directory(self) -> str:
        return self.pebble.directory_url

    @property
    def trusted(self) -> Path:
        """Vouches for its HTTPS; its certificates chain to `root`."""
        return self.pebble.ca_file

    def requests(self) -> Counter:
        return requests_of(self.pebble.process.log_path.read_text(errors="replace"))
