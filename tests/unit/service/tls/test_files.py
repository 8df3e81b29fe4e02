from __future__ import annotations

from pathlib import Path

import pytest

from rtserver.service.tls.files import Files


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "certificate.pem", tmp_path / "key.pem"]
    for path in found:
        path.write_text("old")
    return found


def test_nothing_has_changed(paths: list[Path]) -> None:
    files = Files(paths)
    assert not files.have_changed()
    assert not files.have_changed()


def test_a_change_is_told_once_when_it_is_over(paths: list[Path]) -> None:
    files = Files(paths)
    paths[0].write_text("newer")
    assert not files.have_changed()  # it may not be over
    paths[1].write_text("newer")
    assert not files.have_changed()  # and wasn't
    assert files.have_changed()
    assert not files.have_changed()


def test_a_file_that_is_gone_for_a_moment(paths: list[Path]) -> None:
    files = Files(paths)
    kept = paths[0].rename(paths[0].with_suffix(".kept"))
    assert not files.have_changed()
    kept.rename(paths[0])
    assert not files.have_changed()
    assert not files.have_changed()


def test_a_file_that_is_gone(paths: list[Path]) -> None:
    files = Files(paths)
    paths[0].unlink()
    assert [files.have_changed() for _ in range(3)] == [False, True, False]


def test_a_link_that_leads_elsewhere(tmp_path: Path, paths: list[Path]) -> None:
    link, other = tmp_path / "link", tmp_path / "other"
    link.symlink_to(paths[0])
    files = Files([link])
    other.write_text("old")
    link.unlink()
    link.symlink_to(other)
    assert [files.have_changed() for _ in range(3)] == [False, True, False]
