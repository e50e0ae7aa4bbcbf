"""Faults of the place a running mesh has its store in; each can be begun and ended again and again."""

from __future__ import annotations

import sqlite3


class Fault:
    """A fault of the store's place, begun and ended under a running mesh."""

    def __init__(self, env, mesh):
        self.env, self.mesh = env, mesh

    def begin(self):
        raise NotImplementedError

    def hold(self):
        """Called again and again while it lasts."""

    def end(self):
        raise NotImplementedError


class FullDisk(Fault):
    def begin(self):
        self.env.fill_disk()

    def hold(self):
        self.env.fill_disk()  # what a checkpoint gives back is taken at once

    def end(self):
        self.env.clear_disk()


class FileSizeLimit(Fault):
    def begin(self):
        self.env.limit_file_size(self.mesh, 1024)

    def end(self):
        self.env.limit_file_size(self.mesh, None)


class ExclusiveLock(Fault):
    def begin(self):
        self.database = sqlite3.connect(self.env.store, isolation_level=None, timeout=30)
        self.database.execute("BEGIN EXCLUSIVE")

    def end(self):
        self.database.execute("ROLLBACK")
        self.database.close()
