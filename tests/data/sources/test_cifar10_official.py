"""The archive of CIFAR-10's authors is fetched if its md5 is right; a download that broke off is resumed."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torchvision
from errors import refused
from made_files import as_archive

from replication.data.sources import CIFAR10, Dataset, Place, cifar10
from replication.data.sources.cifar10 import read_official
from replication.data.sources.decode import Source
from replication.data.store import Split
from replication.errors import Kind

MakeSplit = Callable[..., Split]
PART = "cifar-10-python.tar.gz.part"
SMALL = replace(CIFAR10, train_images=20, test_images=4, classes=4)


def read(root: Path, dataset: Dataset = SMALL, url: str | None = None) -> Source:
    return read_official(Place("official", root, url), dataset)


class Server(ThreadingHTTPServer):
    """Answers every request in one way, on 127.0.0.1."""

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.server.requests += 1  # type: ignore[attr-defined]
                answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.requests = 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/cifar-10-python.tar.gz"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Server:
        servers.append(Server(answer))
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", servers[-1].url)
        monkeypatch.setattr(cifar10, "MIRROR", servers[-1].url)
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def sends(body: bytes, *headers: tuple[str, str], status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for header in headers or [("Content-Length", str(len(body)))]:
            request.send_header(*header)
        request.end_headers()
        request.wfile.write(body)

    return answer


def no_http(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"this is no HTTP at all\r\n\r\n")


@pytest.fixture
def archive(
    tmp_path_factory: pytest.TempPathFactory, make_split: MakeSplit, monkeypatch: pytest.MonkeyPatch
) -> tuple[bytes, list[Split]]:
    """An archive in the form of the official one with 4 images a file, for which the md5 sums are set."""
    parts = [make_split(4, size=32, classes=10, seed=seed) for seed in range(6)]
    for number, part in enumerate(parts):
        part.labels[:] = (part.labels + 4 * number) % 10
    images, labels = (np.concatenate([getattr(part, key) for part in parts[:5]]) for key in ("images", "labels"))
    root = tmp_path_factory.mktemp("authors") / "root"
    as_archive((Split(images, labels), parts[5]), root, list(CIFAR10.class_names), monkeypatch)
    return (root / "cifar-10-python.tar.gz").read_bytes(), parts


def everything_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_an_archive_whose_md5_is_right_is_fetched_and_read(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    content, parts = archive
    serve(sends(content))
    found = read(tmp_path / "root")
    assert np.array_equal(found.train.images, np.concatenate([part.images for part in parts[:5]]))
    assert found.train.labels.tolist() == [label for part in parts[:5] for label in part.labels]
    assert found.train.labels.dtype == np.int64
    assert np.array_equal(found.test.images, parts[5].images)
    assert found.classes == list(CIFAR10.class_names)


def test_an_archive_that_is_already_there_needs_no_network(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    server = serve(sends(b"", status=503))
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(archive[0])
    assert len(read(tmp_path).train.labels) == 20
    (tmp_path / "cifar-10-python.tar.gz").unlink()
    assert len(read(tmp_path).train.labels) == 20  # from what was unpacked
    assert server.requests == 0


ANSWERS = {
    "garbage": sends(b"<html>Please log in to the hotel's network</html>"),
    "nothing": sends(b""),
    "not found": sends(b"gone", status=404),
    "server error": sends(b"busy", status=503),
    "shorter than announced": sends(b"\x1f\x8b" + bytes(5000), ("Content-Length", "170498071")),
    "a chunk cut off": sends(b"ffff\r\n\x1f\x8b" + bytes(5000), ("Transfer-Encoding", "chunked")),
    "no HTTP": no_http,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_failed_download_leaves_nothing_behind_and_names_the_other_ways(
    tmp_path: Path, serve: Callable[..., Server], answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server = serve(answer)
    with refused("unavailable", server.url, "cifar-10-python.tar.gz", "parquet", key="data.cifar10.url"):
        read(tmp_path)
    assert server.requests > 0
    assert everything_below(tmp_path) in ([], [PART])


def test_a_truncated_archive_leaves_nothing_behind_and_the_next_try_succeeds(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    serve(sends(archive[0][:-200]))
    with refused("unavailable"):
        read(tmp_path)
    assert everything_below(tmp_path) == []
    serve(sends(archive[0]))
    assert len(read(tmp_path).train.labels) == 20


def in_pieces(content: bytes, ranges: list[str], has_ranges: bool = True) -> Callable[[BaseHTTPRequestHandler], None]:
    """Sends at most half of the file a request, then hangs up; notes the ranges that were asked for."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        ranges.append(request.headers.get("Range", ""))
        start = int(ranges[-1].removeprefix("bytes=").removesuffix("-") or 0) if has_ranges else 0
        if start >= len(content):
            return sends(b"", status=416)(request)
        headers = [("Content-Length", str(len(content) - start))]
        headers += [("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")] if start else []
        part = content[start : start + len(content) // 2 + 1]
        return sends(part, *headers, status=206 if start else 200)(request)

    return answer


def test_a_download_that_breaks_off_is_resumed_where_it_was(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    ranges: list[str] = []
    serve(in_pieces(archive[0], ranges))
    assert len(read(tmp_path).train.labels) == 20
    assert ranges == ["", f"bytes={len(archive[0]) // 2 + 1}-"]
    assert everything_below(tmp_path)[0] == "cifar-10-batches-py" and not (tmp_path / PART).exists()


@pytest.mark.parametrize("part", ["a half", "the whole", "another file", "more than the whole"])
def test_what_an_earlier_try_left_is_used_if_it_is_the_same_file(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server], part: str
) -> None:
    content, ranges = archive[0], []
    left = {
        "a half": content[:-100],
        "the whole": content,
        "another file": b"<html>",
        "more than the whole": content + b"x",
    }
    (tmp_path / PART).write_bytes(left[part])
    serve(in_pieces(content, ranges))
    assert len(read(tmp_path).train.labels) == 20
    assert ranges[0] == f"bytes={len(left[part])}-"
    assert len(ranges) == {"a half": 1, "the whole": 1}.get(part, len(ranges))


def test_a_server_without_ranges_sends_all_again(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    (tmp_path / PART).write_bytes(archive[0][:100])
    serve(sends(archive[0]))
    assert len(read(tmp_path).train.labels) == 20


def test_the_second_address_is_asked_where_the_first_fails(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = serve(sends(archive[0]))
    first = serve(sends(b"busy", status=503))
    monkeypatch.setattr(cifar10, "MIRROR", mirror.url)
    assert len(read(tmp_path).train.labels) == 20
    assert (first.requests, mirror.requests) == (1, 1)


def test_a_server_that_is_gone_is_told(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(no_http)
    server.shutdown()
    server.server_close()
    with refused("unavailable", "network", key="data.cifar10.url"):
        read(tmp_path)
    assert everything_below(tmp_path) == []


def test_a_root_that_cannot_be_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file")
    with refused("unwritable", file="root/cifar-10-batches-py"):
        read(tmp_path / "root")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
@pytest.mark.parametrize("file", ["cifar-10-python.tar.gz", "cifar-10-batches-py/data_batch_3"])
def test_what_is_no_file_is_neither_waited_for_nor_read_without_end(
    tmp_path: Path, archive: tuple[bytes, list[Split]], file: str, make: Callable[[Path], object]
) -> None:
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(archive[0])
    if file.startswith("cifar-10-batches-py"):
        read(tmp_path)
    (tmp_path / file).unlink()
    make(tmp_path / file)
    with refused("missing", "data.cifar10.source", file=tmp_path / file):
        read(tmp_path)


def test_a_server_that_stops_sending_is_left_after_a_while(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stall(request: BaseHTTPRequestHandler) -> None:
        sends(b"begun", ("Content-Length", "170498071"))(request)
        request.wfile.flush()
        time.sleep(5)

    serve(stall)
    monkeypatch.setattr(cifar10, "PATIENCE", 0.5)
    with refused("unavailable", key="data.cifar10.url"):
        read(tmp_path)
    assert (tmp_path / PART).read_bytes() == b"begun"


def test_an_archive_with_another_number_of_images_is_refused(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    serve(sends(archive[0]))
    with refused("damaged", "20 train images", "50,000", file=tmp_path):
        read(tmp_path, CIFAR10)


def test_the_archive_is_fetched_from_the_address_that_is_given(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    given, usual = serve(sends(archive[0])), serve(sends(b"", status=503))
    assert len(read(tmp_path, url=given.url).train.labels) == 20
    assert (given.requests > 0, usual.requests) == (True, 0)


def test_another_archive_at_the_given_address_is_refused_by_its_md5(
    tmp_path: Path, archive: tuple[bytes, list[Split]], serve: Callable[..., Server]
) -> None:
    server = serve(sends(archive[0] + b"\0"))
    with refused("unavailable", server.url, "md5", key="data.cifar10.url"):
        read(tmp_path, url=server.url)
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize("url", ["no address", "http://[", "ftp:"])
def test_an_address_that_is_none_is_named(tmp_path: Path, url: str) -> None:
    with refused("unavailable", url, key="data.cifar10.url"):
        read(tmp_path, url=url)


# What a user may have put there, which is not for us to delete or to write over.
LEFT_ALONE = {
    "a file where the folder should be": ("cifar-10-batches-py", "missing", "data_batch_1"),
    "another archive": ("cifar-10-python.tar.gz", "damaged", "cifar-10-python.tar.gz"),
    "a damaged batch": ("cifar-10-batches-py/data_batch_1", "damaged", "data_batch_1"),
}


@pytest.mark.parametrize(("name", "kind", "file"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_the_user_put_there_is_left_as_it_is(
    tmp_path: Path,
    serve: Callable[..., Server],
    archive: tuple[bytes, list[Split]],
    name: str,
    kind: Kind,
    file: str,
) -> None:
    server = serve(sends(b"", status=503))
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(archive[0])
    if name.startswith("cifar-10-batches-py/"):
        read(tmp_path)
    (tmp_path / name).write_bytes(b"mine")
    before = everything_below(tmp_path)
    with refused(kind, "move", "data.cifar10.source", file=file):
        read(tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"
    assert (everything_below(tmp_path), server.requests) == (before, 0)


def test_a_sound_archive_is_kept_when_there_is_no_room_to_unpack_it(
    tmp_path: Path, archive: tuple[bytes, list[Split]], files_of_at_most: Callable[[int], AbstractContextManager[None]]
) -> None:
    kept = tmp_path / "cifar-10-python.tar.gz"
    kept.write_bytes(archive[0])
    with files_of_at_most(5000), refused("unwritable", "ulimit", file="cifar-10-batches-py"):
        read(tmp_path)
    assert everything_below(tmp_path) == [kept.name]
    assert kept.read_bytes() == archive[0]
    assert len(read(tmp_path).train.labels) == 20
