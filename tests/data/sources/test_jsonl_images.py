"""Images of JSON Lines problems: where they may lie, and how large they may be."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import pytest

from support.helpers import png
from support.jsonl import GOOD, read, write

pytestmark = pytest.mark.usefixtures("no_pixels")


def claiming_png(side: int) -> bytes:
    """A PNG of a few bytes whose header claims side x side pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 100_000])
def test_image_bomb_is_named(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(claiming_png(side))
    file = write(tmp_path, GOOD | {"image": "bomb.png"})
    with pytest.raises(ValueError, match=f"^{re.escape(str(file))}:1: field 'image': .*bomb.png.*scale it down"):
        read(file)


def test_max_pixels_is_the_largest_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(png(6, 7))
    file = write(tmp_path, GOOD | {"image": "image.png"})
    assert len(read(file, max_pixels=42)) == 1
    with pytest.raises(ValueError, match="claims 6 x 7 pixels, more than max_pixels=41"):
        read(file, max_pixels=41)


def test_images_are_found_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my: data"
    (folder / "pictures").mkdir(parents=True)
    for name in ("pictures/a.png", "b.png"):
        (folder / name).write_bytes(png())
    absolute = str(folder / "b.png")
    rows = [
        {"image": "b.png"},
        {"images": ["pictures/a.png", "b.png"]},
        {"image": absolute},
        {"images": []},
        {"id": "none"},
    ]
    file = write(folder, *(GOOD | row for row in rows))
    monkeypatch.chdir(tmp_path)
    expected = [("b.png",), ("pictures/a.png", "b.png"), ("b.png",), (), ()]
    for path in (file, file.relative_to(tmp_path)):
        assert [problem.images for problem in read(path)] == [
            tuple(absolute if "image" in row and row["image"] == absolute else str(path.parent / n) for n in names)
            for row, names in zip(rows, expected, strict=True)
        ]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder `data` for rows, with links, beside a folder `pool` of images."""
    for name in ("data/own.png", "pool/a.png", "elsewhere.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png())
    (tmp_path / "data/linked.png").symlink_to("own.png")
    (tmp_path / "data/out.png").symlink_to("../elsewhere.png")
    (tmp_path / "data/pool").symlink_to("../pool")
    return tmp_path / "data"


LEAVING = ["../elsewhere.png", "../pool/a.png", "out.png", "pool/a.png", "pool/../elsewhere.png", "/etc/hostname", "\0"]


@pytest.mark.parametrize("name", LEAVING)
@pytest.mark.parametrize("field", ["image", "images"])
def test_images_out_of_the_folder_are_refused(shared: Path, name: str, field: str) -> None:
    file = write(
        shared, GOOD | {"images": ["own.png"]}, GOOD | {field: name if field == "image" else ["own.png", name]}
    )
    remedy = "correct the path" if name == "\0" else "put the file into that folder, or set JsonlSource.image_root"
    with pytest.raises(ValueError, match=f"^{re.escape(str(file))}:2: field 'image': Image .*{remedy}"):
        read(file)


def test_links_inside_the_folder_are_followed(shared: Path, tmp_path: Path) -> None:
    file = write(shared, GOOD | {"image": "linked.png"})
    (tmp_path / "alias").symlink_to("data")
    for path in (file, tmp_path / "alias" / file.name):
        assert [problem.images for problem in read(path)] == [(str(path.parent / "linked.png"),)]


def test_image_root_is_where_paths_start_and_must_end(shared: Path, tmp_path: Path) -> None:
    root = tmp_path / "pool"
    file = write(shared, GOOD | {"image": "a.png"}, GOOD | {"image": str(root / "a.png")})
    assert [problem.images for problem in read(file, image_root=root)] == [(str(root / "a.png"),)] * 2
    for name in ("own.png", str(shared / "own.png"), "../data/own.png"):
        with pytest.raises(ValueError, match=r":1: field 'image': .*(does not exist|outside .*pool; )"):
            read(write(shared, GOOD | {"image": name}), image_root=root)


def test_image_root_above_all_allows_all(shared: Path, tmp_path: Path) -> None:
    names = ["data/own.png", "data/out.png", "pool/a.png", "data/pool/a.png", "data/../elsewhere.png"]
    file = write(shared, *(GOOD | {"image": name} for name in names))
    assert [p.images for p in read(file, image_root=tmp_path)] == [(str(tmp_path / name),) for name in names]


def test_image_and_images_together_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    file = write(tmp_path, GOOD | {"image": "a.png", "images": ["b.png"]})
    with pytest.raises(ValueError, match=f"^{re.escape(str(file))}:1: .*image.*images"):
        read(file)
