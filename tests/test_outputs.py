"""Outputs of this package are replaced only with `force`; inputs and files of others are never replaced."""

import json
from pathlib import Path

import pytest
import spacy

from spacy_zh_tw_ner.outputs import MARKER, output_folder, require_new, require_report, write_folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def fill(folder: Path) -> None:
    (folder / "ner").mkdir()
    (folder / "ner" / "model").write_text("new")


def make_photos(path: Path) -> None:
    path.mkdir()
    (path / "beach.jpg").write_bytes(b"\xff\xd8")


def make_english(path: Path) -> None:
    spacy.blank("en").to_disk(path)


def make_file(path: Path) -> None:
    path.write_text("a file")


def make_lookalike(path: Path) -> None:
    path.mkdir()
    (path / "meta.json").write_text('{"lang": "zh_tw"}')  # for example, of a web site
    (path / "index.html").write_text("")


@pytest.mark.parametrize("make", [make_photos, make_english, make_file, make_lookalike])
@pytest.mark.parametrize("force", [False, True])
def test_outputs_of_others_are_never_replaced(make: object, force: bool, tmp_path: Path) -> None:
    target = tmp_path / "target"
    make(target)  # type: ignore[operator]
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"\[ZT671\] .*target exists and was not written by this package"):
        write_folder(target, fill, force=force)
    assert contents(tmp_path) == before


def make_pipeline(path: Path) -> None:
    nlp = spacy.blank("zh_tw")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(path)


def make_exported(path: Path) -> None:
    path.mkdir()
    for name in ("model.onnx", "model.onnx.data", "pieces.npz"):
        (path / name).touch()
    (path / "pipeline.json").write_text('{"format": 1, "made_by": "spacy-zh-tw-ner 0.1.0"}')


def make_written(path: Path) -> None:
    write_folder(path, lambda folder: (folder / "anything.xyz").touch())


OURS = pytest.mark.parametrize("make", [make_pipeline, make_exported, make_written])


@OURS
def test_own_outputs_are_replaced_only_with_force(make: object, tmp_path: Path) -> None:
    target = tmp_path / "target"
    make(target)  # type: ignore[operator]
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"\[ZT670\] .*--force"):
        write_folder(target, fill)
    assert contents(tmp_path) == before
    write_folder(target, fill, force=True)
    assert sorted(contents(target)) == [MARKER, "ner/model"]
    assert list(tmp_path.iterdir()) == [target]


@OURS
@pytest.mark.parametrize("name", ["notes.txt", "photos/beach.jpg", "ner/notes.txt"])
def test_folders_with_other_files_are_not_replaced(make: object, name: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    make(target)  # type: ignore[operator]
    (target / name).parent.mkdir(exist_ok=True)
    (target / name).write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=rf"\[ZT672\] .*{name}"):
        write_folder(target, fill, force=True)
    assert contents(tmp_path) == before


def test_a_target_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[ZT671\]"):
        write_folder(tmp_path / "target", lambda _: make_photos(tmp_path / "target"))
    assert contents(tmp_path) == {"target/beach.jpg": b"\xff\xd8"}


def test_missing_and_empty_targets_are_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()
    for target in (tmp_path / "empty", tmp_path / "new" / "deep"):
        write_folder(target, fill)
        assert json.loads((target / MARKER).read_text(encoding="utf-8"))["files"] == ["ner/model"]


def test_a_failed_write_leaves_no_files(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        fill(folder)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_folder(tmp_path / "new" / "deep", fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("relation", ["is", "contains", "is inside"])
@pytest.mark.parametrize("through_link", [False, True])
def test_a_target_that_overlaps_an_input_is_an_error(relation: str, through_link: bool, tmp_path: Path) -> None:
    source = tmp_path / "one" / "two" / "three"
    source.parent.mkdir(parents=True)
    make_pipeline(source)
    target = {"is": source, "contains": tmp_path / "one" / "two", "is inside": source / "new"}[relation]
    if through_link:
        (tmp_path / "link").symlink_to(tmp_path / "one")
        target = tmp_path / "link" / target.relative_to(tmp_path / "one")
    before = contents(tmp_path)
    with (
        pytest.raises(ValueError, match=rf"\[ZT673\] .* {relation} the input "),
        output_folder(target, force=True, inputs=[source]) as folder,
    ):
        fill(folder)
    assert contents(tmp_path) == before


def test_a_source_may_be_replaced_with_force(tmp_path: Path) -> None:
    target = tmp_path / "pipeline"
    make_pipeline(target)
    with pytest.raises(ValueError, match=r"\[ZT670\]"), output_folder(target, source=[target]):
        pass
    with pytest.raises(ValueError, match=r"\[ZT673\]"), output_folder(target / "x", source=[target], force=True):
        pass
    with output_folder(target, source=[target], force=True) as folder:
        fill(folder)
    assert sorted(contents(target)) == [MARKER, "ner/model"]


def test_a_symbolic_link_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("to_empty", "to_missing"):
        place = tmp_path / "elsewhere" / name
        if name == "to_empty":
            place.mkdir()
        (tmp_path / name).symlink_to(place)
        write_folder(tmp_path / name, fill)
        assert (tmp_path / name).is_symlink()
        assert (place / "ner" / "model").is_file()
        write_folder(tmp_path / name, fill, force=True)
        assert (tmp_path / name).is_symlink()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(ValueError, match=r"\[ZT675\] .*circle"):
        write_folder(tmp_path / "circle", fill)
    make_photos(tmp_path / "photos")
    (tmp_path / "to_photos").symlink_to(tmp_path / "photos")
    with pytest.raises(ValueError, match=r"\[ZT671\]"):
        write_folder(tmp_path / "to_photos", fill, force=True)


def test_files_that_users_edit_need_force(tmp_path: Path) -> None:
    target = tmp_path / "my.cfg"
    require_new(target)
    target.touch()
    require_new(target)
    target.write_text("[nlp]")
    with pytest.raises(ValueError, match=r"\[ZT670\]"):
        require_new(target)
    require_new(target, force=True)
    with pytest.raises(ValueError, match=r"\[ZT673\]"):
        require_new(target, force=True, inputs=[target])
    with pytest.raises(ValueError, match=r"\[ZT671\] .*a folder"):
        require_new(tmp_path, force=True)
    require_new(Path("/dev/null"))


@pytest.mark.parametrize(
    ("kind", "content"),
    [("JSON", "\ufeff {}"), ("JSON", "[1]"), ("HTML", "<!DOCTYPE html>"), ("SVG", "<svg/>"), ("PNG", "")],
)
def test_reports_replace_only_reports_of_the_same_kind(kind: str, content: str, tmp_path: Path) -> None:
    target = tmp_path / "report"
    require_report(target, kind)
    target.write_text(content)
    require_report(target, kind)
    with pytest.raises(ValueError, match=r"\[ZT673\]"):
        require_report(target, kind, inputs=[target])
    target.write_text("My diary")
    with pytest.raises(ValueError, match=rf"\[ZT671\] .*not {kind}"):
        require_report(target, kind)
