"""Files that cannot be read end in one sentence, never in a traceback or a wait."""

from __future__ import annotations

import os
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

import pytest

from rnnlab.config import ConfigError, load_config
from rnnlab.config.files import LARGEST_FILE


def said_about(path: str | os.PathLike[str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.yaml: the config is empty; it has sections such as `model:`"),
        (b" \n\n", "a.yaml: the config is empty; it has sections such as `model:`"),
        (b"# nothing\n", "a.yaml: the config is empty; it has sections such as `model:`"),
        (b"---\n...\n", "a.yaml: the config is empty; it has sections such as `model:`"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.yaml: this is a binary file, not YAML text"),
        (BOM_UTF16_LE + "seed: 1\n".encode("utf-16-le"), "a.yaml: the file is written in UTF-16; save it as UTF-8"),
        (BOM_UTF16_BE + "seed: 1\n".encode("utf-16-be"), "a.yaml: the file is written in UTF-16; save it as UTF-8"),
        (b"seed: 1\nname: caf\xe9\n", "a.yaml:2:10: this byte is not text in UTF-8; save the file as UTF-8"),
        (b"\xef\xbb\xbfname: \xff\n", "a.yaml:1:7: this byte is not text in UTF-8; save the file as UTF-8"),
        (b"seed: 1\r\nname: \x1b[31m\n", "a.yaml:2:7: the control character U+001B cannot stand in a config"),
        (b"#" * (LARGEST_FILE + 1), "a.yaml: the file is larger than 1 MB, too large for a config"),
        (b"- 1\n", "a.yaml:1:1: a config is made of sections such as `model:`; got a list"),
        (b"hello\n", "a.yaml:1:1: a config is made of sections such as `model:`; got 'hello'"),
    ],
)
def test_content_that_is_no_config(content: bytes, message: str) -> None:
    Path("a.yaml").write_bytes(content)
    assert said_about("a.yaml") == message


def test_a_byte_order_mark_does_not_matter() -> None:
    Path("a.yaml").write_bytes(b"\xef\xbb\xbfseed: 7\n")
    assert load_config("a.yaml").seed == 7


def test_a_missing_file_names_a_near_one() -> None:
    Path("first.yaml").write_text("seed: 1")
    assert said_about("frist.yaml") == "frist.yaml: there is no such file. Did you mean 'first.yaml'?"
    assert said_about("nowhere/x.yaml") == "nowhere/x.yaml: there is no such file"


def test_what_is_no_file() -> None:
    Path("folder").mkdir()
    Path("file").touch()
    assert said_about(Path("folder")) == "folder: this is a folder; name a YAML file in it"
    assert said_about("file/x.yaml") == "file/x.yaml: there is no such file: a part of its path is not a folder"
    assert said_about("a\0b") == "a\\x00b: this cannot be the name of a file"
    assert "the file cannot be read" in said_about("x" * 5000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for() -> None:
    os.mkfifo("pipe.yaml")
    assert said_about("pipe.yaml") == "pipe.yaml: the file cannot be read: it is not a regular file"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_no_permission() -> None:
    Path("a.yaml").write_text("seed: 1")
    Path("a.yaml").chmod(0)
    assert said_about("a.yaml") == "a.yaml: there is no permission to read this file"
