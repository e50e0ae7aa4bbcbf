"""mesh as a user without rights of its own, with a store whose place the test can break.

Root's rights would hide every one of these faults. Without root the tests run as who they are, which
is as good, except that nobody mounts a disk then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pebble_env import EnvironmentFailure

from .environment import Environment
from .mesh import Mesh, mesh_binary

NOBODY = 65534
_AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all",
              "--bounding-set=-all", "--no-new-privs")


class UnprivilegedEnvironment(Environment):
    """An Environment everybody may look into, with `state`, a folder of mesh's user for its store."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mesh-system-"))
        self._folder.chmod(0o755)
        super().__init__(self._folder)
        self.is_root = os.geteuid() == 0
        self.state = self._folder / "state"
        self.state.mkdir(mode=0o700)
        if self.is_root:
            os.chown(self.state, NOBODY, NOBODY)
        self._mounted = False

    def close(self) -> None:
        super().close()
        if self._mounted:
            subprocess.run(["umount", str(self.state)], check=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def store(self) -> Path:
        return self.state / "mesh.db"

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What goes before a command that has no rights."""
        return _AS_NOBODY if self.is_root else ()

    def resolver(self, pebble=None, **more) -> dict:
        made = super().resolver(pebble, **{"storage": str(self.store), **more})
        for folder, _, files in os.walk(self.directory):  # the CA's certificate is for mesh to read
            if Path(folder) != self.state and self.state not in Path(folder).parents:
                os.chmod(folder, 0o755)
                for file in files:
                    if file.endswith(".pem") and "key" not in file:
                        os.chmod(Path(folder) / file, 0o644)
        return made

    def mesh(self, config: dict | str, name: str = "mesh", start: bool = True, **how) -> Mesh:
        self._make_binary_reachable()
        return super().mesh(config, name, start, **({"wrapper": self.wrapper, **how} if start else how))

    def _make_binary_reachable(self) -> None:
        """A build folder below a home nobody else may enter: the program is copied out of it."""
        if subprocess.run([*self.wrapper, mesh_binary(), "--version"], capture_output=True).returncode == 0:
            return
        copy = self.directory / "mesh-binary"
        if not copy.exists():
            shutil.copy(mesh_binary(), copy)
            copy.chmod(0o755)
        os.environ["MESH_BINARY"] = str(copy)

    # --- faults ---

    def small_disk(self, size: str) -> bool:
        """A disk of this size for the store. False where mounting is not permitted."""
        if not self.is_root:
            return False
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,uid={NOBODY},gid={NOBODY}",
                               "none", str(self.state)], capture_output=True)
        self._mounted = done.returncode == 0
        return self._mounted

    def fill_disk(self) -> None:
        """Takes whatever is free, to the last byte."""
        with open(self.state / "filler", "ab", buffering=0) as filler:
            for block in (65536, 4096, 512, 1):
                try:
                    while True:
                        filler.write(b"f" * block)
                except OSError:
                    continue

    def clear_disk(self) -> None:
        (self.state / "filler").unlink()

    def limit_file_size(self, mesh: Mesh, size: int | None) -> None:
        """From now on no file of the running process grows beyond `size` bytes; None ends that."""
        limit = "unlimited" if size is None else str(size)
        # As mesh's own user: that needs no right of root's, which a container may not give.
        done = subprocess.run([*self.wrapper, "prlimit", "--pid", str(mesh.pid), f"--fsize={limit}:"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise EnvironmentFailure(f"prlimit of the mesh under test: {done.stderr.strip()}")
