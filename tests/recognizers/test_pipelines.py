"""Folders of pipelines are found by path or package name."""

from pathlib import Path

import pytest

from spacy_zh_tw_ner.recognizers.pipelines import pipeline_folder


def test_a_pipeline_folder_is_found_by_path(tiny_pipeline: Path) -> None:
    assert pipeline_folder(str(tiny_pipeline)) == tiny_pipeline


def test_a_pipeline_package_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_ner").mkdir()
    (tmp_path / "some_ner" / "__init__.py").touch()
    (tmp_path / "some_ner-0.1.dist-info").mkdir()
    (tmp_path / "some_ner-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: some_ner\nVersion: 0.1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert pipeline_folder("some_ner") == tmp_path / "some_ner"


def test_a_name_that_is_neither_folder_nor_package_is_refused(tmp_path: Path) -> None:
    for name in (str(tmp_path), "no_such_package"):
        with pytest.raises(ValueError, match=rf"\[ZT531\] .*{name}"):
            pipeline_folder(name)
