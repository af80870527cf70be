"""Archives and folders of texts."""

import os
import pathlib
import shlex
import tarfile

from corpus import DataError


def files(path, wanted):
    """Yields (name, bytes) of the files in a tar archive or a folder that match `wanted`.

    Nothing is unpacked onto the disk. Raises DataError where an archive is damaged, or has a member
    that points outside its folder.
    """
    if os.path.isdir(path):
        for file in pathlib.Path(path).rglob("*"):
            name = file.relative_to(path).as_posix()
            if wanted.match(name):
                yield name, file.read_bytes()
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name
                if name.startswith("/") or ".." in name.split("/"):
                    raise DataError(f"{path} is refused: its member {name!r} points outside it")
                if member.isfile() and wanted.match(name):
                    yield name, archive.extractfile(member).read()
    except (DataError, FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # what a damaged archive raises depends on where the damage is
        reason = (str(error) or "it ends early").splitlines()[0].rstrip(":")
        raise DataError(
            f"{path} is damaged or not a tar archive ({reason}). Unpack archives of other kinds "
            f"and name the folder. {advice(path)}"
        ) from None


def advice(path):
    """Returns the end of a refusal: the command that may read `path`."""
    return f"For a table or a folder of your own texts: python prepare_texts.py {shlex.quote(path)}"
