"""Memory that a worker process can map: arrays that cross to Julia without being copied. Read ``wire.py`` next."""

import mmap
import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

# Arrays of at least this size are mapped by the worker; smaller ones are cheaper to copy.
MAPPED_BYTES = 1 << 20
# Each such array holds two file descriptors, of which a process may often have no more than 1024: beyond this many
# arrays, new ones are ordinary and are copied when they are sent.
MOST_SHARED = 128


class SharedFile:
    """A file in memory that another process opens by :attr:`path`; it leaves nothing behind, however we end.

    Linux gives a file without a name, reachable through ``/proc`` as long as this process holds it. Elsewhere it is a
    temporary file, removed when the object is.
    """

    def __init__(self, size: int = 0) -> None:
        self.pid = os.getpid()
        if hasattr(os, "memfd_create"):
            self.fd = os.memfd_create("pyspikenet")
            self.path = f"/proc/{self.pid}/fd/{self.fd}"
            self._close = weakref.finalize(self, _close, self.fd)
        else:
            self.fd, self.path = tempfile.mkstemp(prefix="pyspikenet-")
            self._close = weakref.finalize(self, _close, self.fd, self.path, self.pid)
        if size:
            os.ftruncate(self.fd, size)

    def close(self) -> None:
        self._close()

    def write(self, array: NDArray[Any], offset: int) -> None:
        view = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        while len(view):
            written = os.pwrite(self.fd, view, offset)
            view, offset = view[written:], offset + written

    def read(self, shape: tuple[int, ...], dtype: DTypeLike, offset: int) -> NDArray[Any]:
        array = np.empty(shape, dtype)
        view = array.reshape(-1).view(np.uint8).data
        while len(view):
            count = os.preadv(self.fd, [view], offset)
            if count == 0:
                raise EOFError("the reply file of the worker is shorter than its header says")
            view, offset = view[count:], offset + count
        return array


def _close(fd: int, path: str = "", pid: int = 0) -> None:
    os.close(fd)
    if path and pid == os.getpid():  # a forked child leaves its parent's file
        Path(path).unlink()


# The file below each array that shared_empty made and that is still alive, by the array's id.
_files: dict[int, SharedFile] = {}


def shared_empty(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Like :func:`numpy.empty`; a large array lies in memory that the worker maps instead of copying."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if size < MAPPED_BYTES:
        return np.empty(shape, kind)
    if len(_files) >= MOST_SHARED:
        return np.empty(shape, kind)
    return _mapped(shape, kind, size)


def _mapped(shape: int | tuple[int, ...], kind: np.dtype[Any], size: int) -> NDArray[Any]:
    file = SharedFile(size)
    array: NDArray[Any] = np.ndarray(shape, kind, mmap.mmap(file.fd, size))
    _files[id(array)] = file
    weakref.finalize(array, _files.pop, id(array))
    return array


def shared_copy(values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """A contiguous copy of `values`, which must not be empty, for the worker to map."""
    source = np.asarray(values)
    kind = np.dtype(dtype)
    array = _mapped(source.shape, kind, source.size * kind.itemsize)
    array[...] = source
    return array


def shared_file(array: NDArray[Any]) -> SharedFile | None:
    """The file that holds exactly `array`, if it came from :func:`shared_empty` in this process."""
    file = _files.get(id(array))
    if file is not None and file.pid == os.getpid() and array.flags.c_contiguous:
        return file
    return None
