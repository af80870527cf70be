"""Archives and folders of raw texts."""

import os
import sys
import tarfile
import zipfile
import zlib

from corpus import DataError

# What damaged archives raise; RuntimeError: a zip archive with a password.
DAMAGES = (
    tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, NotImplementedError,
    RuntimeError,
)  # fmt: skip


def files(path, wanted):
    """Yields (name, bytes) of the files in a tar or zip archive or folder that match `wanted`.

    Nothing is unpacked onto the disk. An archive with a member that points outside its folder is
    refused.
    """
    return in_folder(path, wanted) if os.path.isdir(path) else in_archive(path, wanted)


def in_archive(path, wanted):
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    refuse_outside(path, name)
                    if wanted.match(name):
                        yield name, archive.read(name)
            return
        with tarfile.open(path) as archive:
            for member in archive:
                refuse_outside(path, member.name)
                if member.isfile() and wanted.match(member.name):
                    yield member.name, archive.extractfile(member).read()
    except DAMAGES as error:
        # The first of tarfile's many lines.
        reason = (str(error) or "it ends early").splitlines()[0].rstrip(":")
        raise DataError(
            f"{path} is damaged or not a tar or zip archive ({reason}); fetch it again"
        ) from None


def refuse_outside(path, name):
    if name.startswith("/") or ".." in name.split("/"):
        raise DataError(f"{path} is refused: its member {name!r} points outside its folder")


def in_folder(path, wanted):
    for folder, _, names in os.walk(path):
        for name in names:
            name = os.path.join(folder, name)
            relative = os.path.relpath(name, path).replace(os.sep, "/")
            if wanted.match(relative):
                with open(name, "rb") as file:
                    yield relative, file.read()


def show_progress(items, label, total):
    """Yields the items and prints their count: a moving line, or a line a fifth in a log file."""
    moving = sys.stderr.isatty()
    step = max(1, total // (100 if moving else 5))
    for count, item in enumerate(items, 1):
        if count % step == 0:
            print(f"{label}: {count:,}", end="\r" if moving else "\n", file=sys.stderr, flush=True)
        yield item
    if moving:
        print(file=sys.stderr)
