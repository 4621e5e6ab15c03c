"""Map files: reading and writing, permissions, damaged files, and maps of other texts."""

import json
import stat
import sys
from pathlib import Path

import pytest

from spacy_zh_tw_ner.errors import CorpusError, UnreadableFileError
from spacy_zh_tw_ner.masking import MaskMap, maps, mask, read_maps, unmask, write_maps
from spacy_zh_tw_ner.masking.maps import HEADER

from .helpers import TEXT, make_doc


def test_maps_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = [mask(make_doc()).map, MaskMap("0", ()), MaskMap("1", ((0, 1, "\ud800"),))]
    write_maps(tmp_path / "map", written)
    assert list(read_maps(tmp_path / "map")) == written


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode")
def test_only_the_owner_can_read_a_map(tmp_path: Path) -> None:
    path = tmp_path / "map"
    path.write_text("old")
    path.chmod(0o644)
    write_maps(path, [mask(make_doc()).map])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_on_windows_a_warning_asks_for_an_acl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "IS_WINDOWS", True)
    with pytest.warns(UserWarning, match="ZT883.*ACL"):
        write_maps(tmp_path / "map", [])


def test_a_map_of_another_text_is_refused() -> None:
    masked = mask(make_doc())
    for text in (masked.text + "。", masked.text.replace("姓名1", "姓名2"), TEXT, ""):
        with pytest.raises(CorpusError, match=r"ZT878.*this text: the text is another one, or was changed"):
            unmask(text, masked.map)


@pytest.mark.parametrize("places", [((0, 9, "a"),), ((2, 3, "a"), (0, 1, "b")), ((3, 2, "a"),)])
def test_offsets_outside_of_the_text_are_refused(places: tuple[tuple[int, int, str], ...]) -> None:
    with pytest.raises(CorpusError, match="ZT878"):
        unmask("abc", MaskMap(maps.digest_of("abc"), places))


@pytest.mark.parametrize(
    "line",
    [
        b"[]\n",
        b"{}\n",
        b'{"sha256": 1, "originals": []}\n',
        b'{"sha256": "", "originals": {}}\n',
        b'{"sha256": "", "originals": [[0, 1]]}\n',
        b'{"sha256": "", "originals": [[0, -1, "secret"]]}\n',
        b'{"sha256": "", "originals": [[0, 1, ["secret"]]]}\n',
        b'{"sha256": "", "originals": []}',
        b"\xff\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_damaged_map_is_refused_and_not_quoted(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "map").write_bytes(json.dumps(HEADER).encode() + b"\n" + line)
    with pytest.raises(UnreadableFileError) as raised:
        list(read_maps(tmp_path / "map"))
    assert "secret" not in str(raised.value)


def test_a_file_without_the_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(b'{"text": "a"}\n')
    with pytest.raises(UnreadableFileError, match="line 1"):
        list(read_maps(tmp_path / "map"))
