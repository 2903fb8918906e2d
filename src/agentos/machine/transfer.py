"""Copy trees between the host and a machine, or within a machine."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

from agentos.machine.blocking_io import in_thread
from agentos.machine.side_by_side import Job, side_by_side

if TYPE_CHECKING:
    from agentos.machine.trees import TreeVerbs

_CHUNK = 4 * 2**20


async def upload(files: TreeVerbs, host: str, vm: str) -> None:
    """Copy a file or directory of the host into a machine."""
    status = os.stat(host)
    if not stat.S_ISDIR(status.st_mode):
        await _upload_file(files, host, vm, stat.S_IMODE(status.st_mode))
        return
    jobs: list[Job] = []
    for directory, names, leaves in os.walk(host, onerror=_raise):
        target = os.path.normpath(os.path.join(vm, os.path.relpath(directory, host)))
        await files.mkdir(target, parents=True, mode=_directory_mode(os.stat(directory).st_mode))
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        for name in leaves + links:
            jobs.append(
                _upload_job(files, os.path.join(directory, name), os.path.join(target, name))
            )
    await side_by_side(jobs)


def _directory_mode(mode: int) -> int:
    """Permissions of a directory's copy: private stays private, and its owner can fill it."""
    return mode & 0o777 | 0o700


def _raise(error: OSError) -> None:
    raise error


def _upload_job(files: TreeVerbs, host: str, vm: str) -> Job:
    async def job() -> None:
        mode = os.lstat(host).st_mode
        if stat.S_ISLNK(mode):
            await _replace_link(files, os.readlink(host), vm)
        elif stat.S_ISREG(mode):
            await _upload_file(files, host, vm, stat.S_IMODE(mode))

    return job


async def _replace_link(files: TreeVerbs, target: str, path: str) -> None:
    try:
        await files.symlink(target, path)
    except FileExistsError:
        await files.remove(path)
        await files.symlink(target, path)


async def _upload_file(files: TreeVerbs, host: str, vm: str, mode: int) -> None:
    source = os.open(host, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", host)
        target = await files._open_regular(vm, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            await _stream(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)
    await files.chmod(vm, mode & 0o777)


async def _stream(source: int, target: int) -> None:
    if os.fstat(source).st_size <= _CHUNK:
        while _copy_chunk(source, target):
            pass
    else:
        while await in_thread(_copy_chunk, source, target):
            pass


def _copy_chunk(source: int, target: int) -> int:
    chunk = os.read(source, _CHUNK)
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(target, rest) :]
    return len(chunk)


async def download(files: TreeVerbs, vm: str, host: str) -> None:
    """Copy a file or directory of a machine to the host."""
    if not (await files.stat(vm)).is_dir:
        await _download_file(files, vm, host)
        return
    jobs: list[Job] = []
    async for directory, _, names in files.walk(vm):
        target = os.path.normpath(os.path.join(host, os.path.relpath(directory, vm)))
        if directory == vm:
            os.makedirs(target, exist_ok=True)
        else:
            _make_directory(target)
        for name in names:
            jobs.append(
                _download_job(files, os.path.join(directory, name), os.path.join(target, name))
            )
    await side_by_side(jobs)


def _make_directory(path: str) -> None:
    """Make a directory of the host; a link there, perhaps of an earlier download, gives way."""
    if os.path.islink(path):
        os.unlink(path)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)


def _download_job(files: TreeVerbs, vm: str, host: str) -> Job:
    async def job() -> None:
        status = await files.stat(vm, follow_symlinks=False)
        if status.is_symlink:
            if os.path.lexists(host):
                os.unlink(host)
            os.symlink(await files.readlink(vm), host)
        elif status.is_file:
            await _download_file(files, vm, host)

    return job


async def _download_file(files: TreeVerbs, vm: str, host: str) -> None:
    source = await files._open_regular(vm, os.O_RDONLY)
    try:
        mode = stat.S_IMODE(os.fstat(source).st_mode) & 0o777
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        if os.path.islink(host):
            os.unlink(host)
        target = os.open(host, flags, mode | 0o200)
        try:
            await _stream(source, target)
            os.fchmod(target, mode)
        finally:
            os.close(target)
    finally:
        os.close(source)


async def copy_within(files: TreeVerbs, source: str, target: str) -> None:
    """Copy a file, link or directory within a machine."""
    status = await files.stat(source, follow_symlinks=False)
    if not status.is_dir:
        await _copy_leaf(files, source, target)
        return
    if os.path.normpath(target).startswith(os.path.normpath(source) + os.sep):
        raise shutil.Error(f"cannot copy a directory into itself: {source} to {target}")
    jobs: list[Job] = []
    async for directory, _, names in files.walk(source):
        copied = os.path.normpath(os.path.join(target, os.path.relpath(directory, source)))
        mode = _directory_mode((await files.stat(directory)).mode)
        await files.mkdir(copied, parents=True, mode=mode)
        jobs += [
            _copy_job(files, os.path.join(directory, n), os.path.join(copied, n)) for n in names
        ]
    await side_by_side(jobs)


def _copy_job(files: TreeVerbs, source: str, target: str) -> Job:
    return lambda: _copy_leaf(files, source, target)


async def _copy_leaf(files: TreeVerbs, source: str, target: str) -> None:
    status = await files.stat(source, follow_symlinks=False)
    if status.is_symlink:
        await _replace_link(files, await files.readlink(source), target)
        return
    if not status.is_file:
        return
    read_end = await files._open_regular(source, os.O_RDONLY)
    try:
        write_end = await files._open_regular(target, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if os.path.sameopenfile(read_end, write_end):
                raise shutil.SameFileError(f"{source} and {target} are the same file")
            os.ftruncate(write_end, 0)
            await _stream(read_end, write_end)
        finally:
            os.close(write_end)
    finally:
        os.close(read_end)
    await files.chmod(target, status.mode & 0o777)
