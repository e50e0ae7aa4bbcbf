"""One byte of a store's files changed under whoever has them open, and put back."""

from __future__ import annotations

from pathlib import Path

PAGE = 4096


class FlippedByte:
    """Changes one bit of the byte at `offset` at once."""

    def __init__(self, path: Path, offset: int, bit: int):
        self.path, self.offset = path, offset
        self._page_at = offset - offset % PAGE
        self._bit = 1 << bit
        self._flipped = bytearray(self._page())
        self._flipped[offset - self._page_at] ^= self._bit
        self._write(self._flipped[offset - self._page_at])

    def put_back(self) -> bool:
        """False when the page was written meanwhile, or the file cut: it is not what it was."""
        if not self.path.exists() or self._page() != self._flipped:
            return False
        self._write(self._flipped[self.offset - self._page_at] ^ self._bit)
        return True

    def _page(self) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(self._page_at)
            return file.read(PAGE)

    def _write(self, byte: int) -> None:
        with open(self.path, "r+b") as file:
            file.seek(self.offset)
            file.write(bytes([byte]))

    def __str__(self) -> str:
        return f"bit {self._bit:#x} of byte {self.offset} of {self.path.name}"
