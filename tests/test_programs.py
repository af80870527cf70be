"""corpus/programs.py: a file of another program's kind is answered with the command to type."""

import io
import re
import tarfile
import zipfile

import pytest

import download_imdb
import download_reuters
from corpus import DataError, archives, programs

REVIEWS = {f"aclImdb/{part}/{label}/0_1.txt": b"A film." for part in ("train", "test")
           for label in ("pos", "neg")} | {"aclImdb/imdb.vocab": b"film\n"}  # fmt: skip
WIRES = {"reuters/reut2-000.sgm": b"<TOPICS><D>earn</D></TOPICS><BODY>Oil.</BODY>"}
TABLE = {"a.csv": b"review,sentiment\ngood,1\nbad,0\n"}


def packed(path, files, kind):
    with open(path, "wb") as file:
        if kind == "zip":
            with zipfile.ZipFile(file, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        elif kind == "tar":
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                for name, content in files.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        else:
            file.write(next(iter(files.values())))
    return str(path)


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("read, files, other", [
    (download_imdb.from_path, WIRES, "download_reuters.py"),
    (download_reuters.from_path, REVIEWS, "download_imdb.py"),
])  # fmt: skip
def test_an_archive_of_the_other_corpus(tmp_path, read, files, other, kind):
    path = packed(tmp_path / "a b", files, kind)
    with pytest.raises(DataError, match=re.escape(f"Type: python {other} '{path}'")):
        read(path)
    with pytest.raises(DataError, match=other):
        programs.check(path, "prepare_texts.py")


@pytest.mark.parametrize("kind", ["zip", "plain"])
@pytest.mark.parametrize("read", [download_imdb.from_path, download_reuters.from_path])
def test_a_table_is_for_prepare_texts(tmp_path, read, kind):
    path = packed(tmp_path / "table", TABLE, kind)
    with pytest.raises(DataError, match="a table, without a split.*python prepare_texts.py"):
        read(path)
    programs.check(path, "prepare_texts.py")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_zip_archive_gives_the_same_files_as_a_tar_archive(tmp_path, kind):
    path = packed(tmp_path / "archive", REVIEWS, kind)
    assert dict(archives.files(path, download_imdb.FILE_NAME)) == {
        name: content for name, content in REVIEWS.items() if name.endswith("txt")
    }
    outside = packed(tmp_path / "outside", {"../a.txt": b""}, kind)
    with pytest.raises(DataError, match="points outside its folder"):
        dict(archives.files(outside, download_imdb.FILE_NAME))
