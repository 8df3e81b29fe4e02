from __future__ import annotations

import os
import re
import socket
import stat
from pathlib import Path

import pytest

from rtserver.cluster.workers.place import Place, create, discard, hold
from rtserver.errors import StartError


def test_a_directory_is_private() -> None:
    directory = create()
    try:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert create(directory).parent == directory
    finally:
        discard(directory)
    assert not directory.exists()


def test_what_a_server_left_whose_processes_were_killed_is_removed(tmp_path: Path) -> None:
    left, held, young = (create(tmp_path) for _ in range(3))
    other = tmp_path / "rtserver-workers-file"
    other.touch()
    link = tmp_path / "rtserver-workers-link"
    link.symlink_to(tmp_path)
    for path in (left, held):
        (path / "abcd.bus").touch()
        os.utime(path, (0, 0))
    with hold(held):
        made = create(tmp_path)
    assert set(tmp_path.iterdir()) == {held, young, made, other, link}


def test_a_directory_that_has_gone_is_named(tmp_path: Path) -> None:
    gone = f"the workers' directory {tmp_path / 'gone'} can't be used: No such file or directory; start the"
    with pytest.raises(StartError, match=gone), hold(tmp_path / "gone"):
        pass


def test_a_new_name_fits_the_sids_and_is_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [Place.new(tmp_path).name for _ in range(1000)]
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{3}", name) for name in names)
    letters = iter("aaaabbbb")
    monkeypatch.setattr("secrets.choice", lambda alphabet: next(letters))
    (tmp_path / "aaaa.journal").touch()  # of a dead worker
    assert Place.new(tmp_path).name == "bbbb"


def test_workers_are_found_by_their_sockets(tmp_path: Path) -> None:
    place = Place(tmp_path, "Ab-9")
    assert (place.bus, place.door) == (tmp_path / "Ab-9.bus", tmp_path / "Ab-9.door")
    assert place.others() == []
    for name in ("Ab-9.bus", "b_cd.bus", "abcd.bus", "abcd.door", "efgh.door", "long-name.bus", "efgh.bus~"):
        (tmp_path / name).touch()
    assert place.others() == ["abcd", "b_cd"]
    assert place.at("abcd") == Place(tmp_path, "abcd")
    assert Place(tmp_path / "gone", "abcd").others() == []


def test_what_a_dead_worker_left_is_removed(tmp_path: Path) -> None:
    place = Place(tmp_path, "abcd")
    for name in ("abcd.bus", "abcd.door", "abcd.journal", "efgh.bus"):
        (tmp_path / name).touch()
    place.clear()
    place.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["abcd.journal", "efgh.bus"]


@pytest.mark.parametrize("name", ["", "abc", "abcde", "-abc", "_abc", "ab/c", "ab.c", "äbcd", "abc\n"])
def test_a_wrong_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"a worker's name: received .*, expected 4 of"):
        Place(tmp_path, name)


def test_a_path_that_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    fits = tmp_path / ("x" * (107 - len(str(tmp_path)) - 11))
    fits.mkdir()
    place = Place(fits, "abcd")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place.door))
    with pytest.raises(ValueError, match=r"paths of 108 bytes, expected 107 at most; choose a shorter one"):
        Place(Path(f"{fits}y"), "abcd")
    with pytest.raises(ValueError, match="expected 107 at most"):
        create(fits)
    assert list(fits.iterdir()) == [place.door]
