"""Runs that people live with: tags, notes, the trash, other names, one file to send."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from rnnlab.store import Workspace, list_runs, open_run
from rnnlab.store.keeping import TRASH
from tests.cli.conftest import Call

HIDDEN_TRASH = Path("runs") / TRASH


def content(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def two(call: Call, tiny: Path) -> list[Path]:
    """Give the two runs of a study."""
    assert call("train", "tiny.yaml", "-q", "seed=1").code == 0
    return [entry.path for entry in list_runs(tiny.parent)]


def test_tags_and_notes_are_found_again_and_change_nothing_of_a_run(call: Call, two: list[Path]) -> None:
    before = content(two[0])
    assert call("tag", "tiny/seed=0", "paper", "good").out == f"{two[0]}: good paper\n"
    assert call("tag", two[0], "--remove", "paper").out == f"{two[0]}: good\n"
    assert call("note", "tiny/seed=0", "of figure 2").out == f"{two[0]}: of figure 2\n"
    (row,) = json.loads(call("ls", "--where", "tags=good", "--json").out)
    assert (row["path"], row["tags"], row["note"]) == (str(two[0]), "good", "of figure 2")
    assert (two[0].parent / "index.csv").read_text().splitlines()[0].endswith(",flags,tags,note")
    assert {name: its for name, its in content(two[0]).items() if name != "labels.json"} == before
    result = call("verify", "runs")
    assert (result.code, result.out) == (0, "2 runs: 2 whole\n")
    call("note", two[0], "")
    call("tag", two[0], "--remove", "good")
    assert content(two[0]) == before


def test_labels_stay_when_a_run_is_made_again(call: Call, tiny: Path) -> None:
    call("tag", tiny, "good")
    assert call("train", "tiny.yaml", "-q", "--force").code == 0
    assert call("tag", tiny).out == f"{tiny}: good\n"
    assert call("verify", tiny).out == "1 run: 1 whole\n"


@pytest.mark.parametrize("word", ["two words", "a,b", "a=b", ""])
def test_a_tag_is_one_word(call: Call, tiny: Path, word: str) -> None:
    result = call("tag", tiny, word)
    assert (result.code, result.out) == (2, "")
    assert "valid: a tag is one word" in result.err


def test_a_run_goes_to_the_trash_and_comes_back(call: Call, two: list[Path]) -> None:
    before = content(two[1])
    result = call("rm", "tiny/seed=1")
    gone = HIDDEN_TRASH / "tiny" / two[1].name
    assert (result.code, result.out) == (0, f"{two[1]} -> {gone}\n")
    assert content(gone) == before
    assert call("verify", "runs").out == "1 run: 1 whole\n", "the index names it no more"
    assert [row["study"] for row in json.loads(call("ls", "--json").out)] == ["tiny"]
    assert call("mv", gone, "tiny").out == f"{gone} -> {two[1]}\n"
    assert content(two[1]) == before
    assert call("verify", "runs").out == "2 runs: 2 whole\n"


def test_a_study_goes_to_the_trash_which_is_emptied_when_that_is_said(call: Call, two: list[Path]) -> None:
    study = two[0].parent
    assert call("rm", study).code == 0
    assert not study.exists()
    assert call("train", "tiny.yaml", "-q").code == 0
    assert call("rm", study).out.endswith("/tiny.2\n"), "what is in the trash already stays"
    result = call("rm", HIDDEN_TRASH, "--now")
    assert result.code == 2
    assert "nobody can be asked here; add --yes" in result.err
    assert len(list(HIDDEN_TRASH.iterdir())) == 2
    assert call("rm", HIDDEN_TRASH, "--now", "--yes").code == 0
    assert list(HIDDEN_TRASH.iterdir()) == []
    assert call("rm", HIDDEN_TRASH).out == "There is nothing in the trash.\n"


def test_rm_takes_nothing_that_rnnlab_has_not_made(call: Call, two: list[Path]) -> None:
    """Folders of other programs may be named like runs, and may stand beside runs."""
    work = Path("work")
    (work / "job-0d754ec1-dfc5-4da7-80dd-e7a1689d0a1d").mkdir(parents=True)
    (work / ".0123456789ab").mkdir()
    (work / "thesis.txt").write_text("mine")
    (Path("kept") / "run").mkdir(parents=True)
    shutil.copytree(two[0], Path("kept") / two[0].name)
    (Path("link")).symlink_to(two[0].parent)
    before = content(Path())
    for path, said in [
        (work, "is neither a run nor a study"),
        (Path(), "is neither a run nor a study"),
        (Path("runs"), "is neither a run nor a study"),
        (Path("kept"), "also holds what is no whole run (run), so it stays"),
        (Path("link"), "is a link; name the folder that it leads to"),
    ]:
        for options in ([], ["--now", "--yes"]):
            result = call("rm", path, *options)
            assert (result.code != 0, result.out) == (True, ""), path
            assert said in result.err
        assert call("mv", path, "elsewhere").code != 0
    assert content(Path()) == before


def test_rm_refuses_the_folder_that_one_is_in(call: Call, two: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two[0].parent)
    result = call("rm", Path.cwd())
    assert "is the folder that you are in" in result.err
    assert two[0].name in {path.name for path in Path().iterdir()}


def test_what_is_being_made_is_neither_removed_nor_moved(call: Call, two: list[Path]) -> None:
    run = open_run(two[0])
    with Workspace(two[0].parent, run.identity, "default"):
        for arguments in (["rm", two[0]], ["rm", two[0].parent], ["mv", two[0], "best"], ["mv", two[0].parent, "old"]):
            result = call(*arguments)
            assert (result.code, result.out) == (75, "")
            assert "is being made: process " in result.err
    assert [entry.path for entry in list_runs(two[0].parent)] == two


def test_a_run_takes_another_label_and_another_study(call: Call, two: list[Path]) -> None:
    short = two[0].name[-12:]
    assert call("mv", "tiny/seed=0", "best").out == f"{two[0]} -> runs/tiny/best-{short}\n"
    assert call("show", "tiny/best").out.startswith(f"runs/tiny/best-{short}\n")
    assert "exists: " in call("train", "tiny.yaml").out, "it is known by its hash"
    assert call("mv", "tiny/best", "runs/chosen").out.endswith(f" -> runs/chosen/best-{short}\n")
    assert call("verify", "runs").out == "2 runs: 2 whole\n"
    assert call("train", "tiny.yaml", "-q").code == 0
    result = call("mv", f"runs/tiny/{short[:6]}", "runs/chosen")
    assert (result.code, result.out) == (1, "")
    assert result.err == f"runs/chosen/best-{short} is there already, with the same identity; nothing was moved\n"


def test_a_study_takes_another_name(call: Call, two: list[Path]) -> None:
    assert call("mv", "tiny", "old").out == "runs/tiny -> runs/old\n"
    assert {entry.path.name for entry in list_runs(Path("runs/old"))} == {path.name for path in two}
    assert call("train", "tiny.yaml", "-q").code == 0
    result = call("mv", "tiny", "old")
    assert (result.code, result.err) == (1, "runs/old exists; name another folder, or move the runs one by one\n")


def test_a_run_that_was_renamed_by_hand_is_still_a_run(call: Call, two: list[Path]) -> None:
    two[0].rename(two[0].with_name("mine"))
    assert {row["run"] for row in json.loads(call("ls", "tiny", "--json").out)} == {"mine", two[1].name}
    assert "runs/tiny/mine exists: " in call("train", "tiny.yaml").out
    assert call("verify", "runs/tiny").out == "2 runs: 2 whole\n"


def test_a_study_travels_in_one_file(call: Call, two: list[Path]) -> None:
    call("tag", two[0], "good")
    before = content(two[0].parent)
    assert call("pack", "tiny").out.startswith("tiny.tar.gz: 2 runs, ")
    assert call("pack", "tiny").code == 2, "a file that exists stays"
    result = call("unpack", "tiny.tar.gz", "--runs", "there")
    assert (result.code, result.err) == (0, "2 taken\n")
    assert content(Path("there/tiny")) == before
    again = call("unpack", "tiny.tar.gz", "--runs", "there")
    assert (again.code, again.out, again.err) == (0, "", "0 taken, 2 existed\n")


def test_an_archive_that_is_cut_short_or_none_is_refused_whole(call: Call, two: list[Path]) -> None:
    call("pack", two[0].parent)
    whole = Path("tiny.tar.gz").read_bytes()
    for wrong in (whole[:100], whole[: len(whole) // 2], b"", b"no archive"):
        Path("wrong.tar.gz").write_bytes(wrong)
        result = call("unpack", "wrong.tar.gz", "--runs", "there")
        assert (result.code, result.out) == (1, "")
        assert "wrong.tar.gz " in result.err
        assert list(Path("there").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../../evil", "/tmp/evil", "tiny/.hidden/run.json", "tiny/run/../../../evil", "run.json"]
)
def test_no_name_of_an_archive_leads_out_of_the_runs_folder(call: Call, tiny: Path, name: str) -> None:
    with tarfile.open("evil.tar.gz", "w:gz") as archive:
        archive.add(tiny / "run.json", name)
    result = call("unpack", "evil.tar.gz", "--runs", "deep/there")
    assert (result.code, result.out) == (1, "")
    assert "is no file of a run" in result.err
    assert list(Path("deep").rglob("*")) == [Path("deep/there")]


def test_a_link_in_an_archive_is_refused(call: Call, tiny: Path) -> None:
    with tarfile.open("evil.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo(f"tiny/{tiny.name}/run.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert "is no file of a run" in call("unpack", "evil.tar.gz", "--runs", "there").err


def test_a_run_of_an_archive_that_has_changed_is_not_taken(call: Call, two: list[Path]) -> None:
    changed = Path("copy") / "tiny"
    shutil.copytree(two[0].parent, changed)
    metrics = changed / two[1].name / "metrics.npz"
    whole = bytearray(metrics.read_bytes())
    whole[len(whole) // 2] ^= 1
    metrics.write_bytes(whole)
    with tarfile.open("changed.tar.gz", "w:gz") as archive:
        for path in two:
            archive.add(changed / path.name, f"tiny/{path.name}")
    result = call("unpack", "changed.tar.gz", "--runs", "there")
    assert (result.code, result.out) == (2, f"there/tiny/{two[0].name}\n")
    assert result.err.startswith(f"1 taken\nnot taken: tiny/{two[1].name}: metrics.npz is damaged")
    assert call("pack", changed).code == 2


def test_rm_by_a_condition_takes_those_that_meet_it(call: Call, two: list[Path]) -> None:
    assert call("rm", "tiny", "--where", "seed=1").out.startswith(f"{two[1]} -> ")
    assert [entry.path for entry in list_runs(two[0].parent)] == [two[0]]
    result = call("rm", "tiny", "--where", "seed=7")
    assert (result.code, result.err) == (1, "the only run in runs/tiny does not meet seed=7 (seed is 0)\n")
