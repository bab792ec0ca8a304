"""A read that the system refuses is not damage: nothing is deleted, and no remedy would lose work."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from errors import refused
from failing import failing_reads

from pipeline import code, report, run_store, stage
from replication.config.profiles import read_yaml
from replication.data.index import load_entry, make_table
from replication.data.sources.parquet import explain_unreadable
from replication.data.sources.reading import read_bytes
from replication.files import check_whole, classify_error, seal


def read_recipe_digests(folder: Path) -> None:
    code.CODE.mkdir(parents=True)
    (code.CODE / "report.json").write_text("{}", encoding="utf-8")
    code._read_planned("report")


def read_store_sums(folder: Path) -> None:
    seal(folder)
    run_store.take(folder, folder.with_name("copy"))


def read_outcomes(folder: Path) -> None:
    report.OUTCOMES.mkdir()
    (report.OUTCOMES / "cifar.json").write_text("{}", encoding="utf-8")
    report.read_outcomes()


def read_photograph(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"")
    load_entry(folder, make_table([("a.png", "", 0, 0)]), 0, "imagenet")


def read_whole(folder: Path) -> None:
    for name in ("run.json", "SHA256SUMS"):
        (folder / name).write_text("{}", encoding="utf-8")
    check_whole(folder, "run.json", "run `dvc repro`")


def read_params(folder: Path) -> None:
    (folder / "params.yaml").write_text("{}", encoding="utf-8")
    read_yaml(folder / "params.yaml")


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE], ids=errno.errorcode.get)
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (read_recipe_digests, "report.json"),
        (read_store_sums, "SHA256SUMS"),
        (read_outcomes, "cifar.json"),
        (read_photograph, "a.png"),
        (read_whole, "run.json"),
        (read_params, "params.yaml"),
        (lambda folder: read_bytes(folder / "image.png", "extract the archive again"), "image.png"),
    ],
)
def test_no_reader_takes_a_passing_error_for_damage(
    read: Callable[[Path], None],
    name: str,
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with failing_reads(monkeypatch, number, name), refused("unreadable", file=name) as caught:
        read(tmp_path / "folder")
    assert not any(remedy in str(caught.value) for remedy in ("delete ", "extract", "fetch", "checkout"))


def test_a_decoder_without_an_errno_means_damage() -> None:
    """pyarrow and Pillow raise OSError for bad content."""
    assert classify_error(OSError("truncated")) == "damaged"
    assert explain_unreadable(Path("a.parquet"), pyarrow.ArrowInvalid("no magic bytes")).kind == "damaged"
    assert explain_unreadable(Path("a.parquet"), OSError(errno.EMFILE, "too many")).kind == "unreadable"


def test_no_errno_ends_a_stage_in_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    for number in errno.errorcode:
        error = OSError(number, os.strerror(number), "some/file")
        if isinstance(error, BrokenPipeError):  # `… | head` has read enough
            continue

        def fail(error: OSError = error) -> None:
            raise error

        with pytest.raises(SystemExit) as ended:
            stage.run(fail)
        assert ended.value.code == 1
        assert "some/file" in capsys.readouterr().err


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)])
def test_params_that_are_no_file_are_refused(make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / "params.yaml")
    with refused("damaged", "git checkout", file="params.yaml"):
        read_yaml(tmp_path / "params.yaml")
