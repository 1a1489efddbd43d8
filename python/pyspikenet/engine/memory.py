"""Memory that a worker process can map: arrays that cross to Julia without being copied. Read ``wire.py`` next."""

import mmap
import os
import tempfile
import weakref
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

# Arrays of at least this size are mapped by the worker; smaller ones are cheaper to copy.
MAPPED_BYTES = 1 << 20


class SharedFile:
    """A file in memory that another process opens by :attr:`path`; it leaves nothing behind, however we end.

    Linux gives a file without a name, reachable through ``/proc`` as long as this process holds it. Elsewhere it is a
    temporary file, removed when the object is.
    """

    def __init__(self, size: int = 0) -> None:
        if hasattr(os, "memfd_create"):
            self.fd = os.memfd_create("pyspikenet")
            self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
            self._close = weakref.finalize(self, os.close, self.fd)
        else:
            self.fd, self.path = tempfile.mkstemp(prefix="pyspikenet-")
            self._close = weakref.finalize(self, _close_and_remove, self.fd, self.path)
        if size:
            os.ftruncate(self.fd, size)

    def close(self) -> None:
        self._close()

    def write(self, array: NDArray[Any], offset: int) -> None:
        view = memoryview(np.ascontiguousarray(array)).cast("B")
        while len(view):
            written = os.pwrite(self.fd, view, offset)
            view, offset = view[written:], offset + written

    def read(self, shape: tuple[int, ...], dtype: DTypeLike, offset: int) -> NDArray[Any]:
        array = np.empty(shape, dtype)
        view = memoryview(array.reshape(-1)).cast("B")
        while len(view):
            count = os.preadv(self.fd, [view], offset)
            if count == 0:
                raise EOFError("the reply file of the worker is shorter than its header says")
            view, offset = view[count:], offset + count
        return array


def _close_and_remove(fd: int, path: str) -> None:
    os.close(fd)
    os.unlink(path)


class _SharedBuffer(np.ndarray[Any, np.dtype[Any]]):
    """An array over a :class:`SharedFile` of its own, which it keeps open."""

    file: SharedFile


def shared_empty(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Like :func:`numpy.empty`; a large array lies in memory that the worker maps instead of copying."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if size < MAPPED_BYTES:
        return np.empty(shape, kind)
    file = SharedFile(size)
    array = np.ndarray(shape, kind, mmap.mmap(file.fd, size)).view(_SharedBuffer)
    array.file = file
    return array


def shared_copy(values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """A contiguous copy of `values` made by :func:`shared_empty`."""
    source = np.asarray(values)
    array = shared_empty(source.shape, dtype)
    array[...] = source
    return array


def shared_file(array: NDArray[Any]) -> SharedFile | None:
    """The file that holds exactly `array`, if it came from :func:`shared_empty` in this process."""
    file = getattr(array, "file", None)
    if isinstance(file, SharedFile) and file.path.startswith(
        ("/proc/" + str(os.getpid()) + "/", tempfile.gettempdir())
    ):
        return file
    return None
