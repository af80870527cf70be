"""Archives and folders of texts."""

import os
import pathlib
import shlex
import tarfile
import zipfile

from corpus import DataError


def files(path, wanted):
    """Yields (name, bytes) of the files in a tar or zip archive or a folder that match `wanted`.

    Nothing is unpacked onto the disk. Raises DataError where an archive is damaged, or has a member
    that points outside its folder.
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
    except (DataError, FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # what a damaged archive raises depends on where the damage is
        reason = (str(error) or "it ends early").splitlines()[0].rstrip(":")
        raise DataError(
            f"{path} is damaged or not a tar or zip archive ({reason}). {advice(path)}"
        ) from None


def refuse_outside(path, name):
    if name.startswith("/") or ".." in name.split("/"):
        raise DataError(f"{path} is refused: its member {name!r} points outside its folder")


def in_folder(path, wanted):
    for file in pathlib.Path(path).rglob("*"):
        name = file.relative_to(path).as_posix()
        if wanted.match(name):
            yield name, file.read_bytes()


def advice(path):
    """Returns the end of a refusal: the command that may read `path`."""
    return f"For a table or a folder of your own texts: python prepare_texts.py {shlex.quote(path)}"
