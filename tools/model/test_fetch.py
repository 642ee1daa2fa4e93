"""fetch.py against a hub of our own on localhost, with a tiny random model as its content."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
NAME = "tiny"
REPOSITORY = "nobody/tiny"
COMMIT = "c" * 40
ENTRY = {
    "repo": REPOSITORY,
    "model": ["onnx/model.onnx", "model.onnx"],
    "files": ["tokenizer.json", "config.json"],
    "optional_files": ["1_Pooling/config.json", "sentence_bert_config.json"],
    "dimension": 32,
    "max_tokens": 64,
    "query_prefix": "query: ",
    "passage_prefix": "passage: ",
    "pooling": "mean",
    "download_mb": 1,
}


class Hub(http.server.ThreadingHTTPServer):
    """Serves files as the hub does; `breaks` cuts that many transfers of the model in half."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = files
        self.breaks = 0
        self.refuses = False
        self.spoiled = ""
        self.log: list[tuple[str, str, str]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(http.server.BaseHTTPRequestHandler):
    """HEAD and GET of /nobody/tiny/resolve/REVISION/PATH, with ranges, checksums and the hub's own headers."""

    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        self.server.log.append((self.command, self.path, self.headers.get("Range", "")))
        match = re.fullmatch(rf"/{REPOSITORY}/resolve/(main|{COMMIT})/(.+)", self.path)
        content = self.server.files.get(match[2]) if match else None
        if self.server.refuses or content is None:
            self.send_response(503 if self.server.refuses else 404)
            if not self.server.refuses:
                self.send_header("X-Error-Code", "EntryNotFound" if match else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        large = match[2].endswith(".onnx")
        sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        etag = hashlib.sha256(content).hexdigest() if large else sha1
        start = int(found[1]) if (found := re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))) else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{sha1}"')
        self.send_header("X-Linked-ETag", f'"{etag}"')
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if body:
            self.send_body(match[2], content, start)

    def send_body(self, path: str, content: bytes, start: int) -> None:
        if path == self.server.spoiled:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if path.endswith(".onnx") and self.server.breaks:
            self.server.breaks -= 1
            content = content[: (start + len(content)) // 2]
            self.close_connection = True
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content[start:])


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a tiny model, where the hub has them. 34 MB: the client resumes in steps of 10 MB."""
    folder = tmp_path_factory.mktemp("model")
    command = [sys.executable, HERE / "random_model.py", "--out", folder, "--shape", "bert", "--intermediate", "65536"]
    subprocess.run(command, check=True, capture_output=True)
    places = {"onnx/model.onnx": "model.onnx"} | {path: path for path in ENTRY["files"] + ["1_Pooling/config.json"]}
    return {path: (folder / file).read_bytes() for path, file in places.items()}


@pytest.fixture
def hub(content: dict[str, bytes]):
    """A hub that runs as long as the test."""
    server = Hub(dict(content))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetch(hub: Hub, tmp_path: Path):
    """Runs fetch.py against the hub; gives its exit code, standard output and standard error."""
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(json.dumps({NAME: ENTRY}))
    removed = ("HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    kept = {key: value for key, value in os.environ.items() if key not in removed}

    def run(*arguments: str, name: str = NAME, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, HERE / "fetch.py", name, "--out", tmp_path / "out", "--catalogue", catalogue]
        ours = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "*"}
        environment = kept | ours | variables
        return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=120)

    return run


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    """What the user reads last on standard error, after progress bars."""
    return result.stderr.strip().splitlines()[-1]


def test_a_fetched_directory_is_a_whole_model(fetch, hub, content, tmp_path):
    result = fetch()
    assert result.returncode == 0, result.stderr
    out = tmp_path / "out"
    assert (out / "model.onnx").read_bytes() == content["onnx/model.onnx"]
    assert (out / "tokenizer.json").read_bytes() == content["tokenizer.json"]
    described = json.loads((out / "schema_monitor.json").read_text())
    assert described == {
        "name": NAME,
        "query_prefix": "query: ",
        "passage_prefix": "passage: ",
        "pooling": "mean",
        "normalize": True,
        "max_tokens": 64,
        "precision": "fp32",
    }
    assert sorted(path.name for path in out.iterdir()) == [
        "1_Pooling", "config.json", "model.onnx", "schema_monitor.json", "tokenizer.json"
    ]
    assert all(f"/{COMMIT}/" in path for _, path, _ in hub.log if "tokenizer" in path or "config" in path)


def test_a_whole_model_is_not_fetched_again(fetch, hub):
    assert fetch().returncode == 0
    hub.log.clear()
    assert fetch().returncode == 0
    assert hub.log == []


def test_int8_replaces_the_weights_and_keeps_no_fp32(fetch, content, tmp_path):
    result = fetch("--int8")
    assert result.returncode == 0, result.stderr
    out = tmp_path / "out"
    assert (out / "model.onnx").stat().st_size < len(content["onnx/model.onnx"]) / 2
    assert json.loads((out / "schema_monitor.json").read_text())["precision"] == "int8"
    assert not (out / ".fetch").exists()


def test_a_broken_connection_is_continued(fetch, hub, content, tmp_path):
    hub.breaks = 1
    result = fetch()
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "model.onnx").read_bytes() == content["onnx/model.onnx"]
    ranges = [asked for method, path, asked in hub.log if method == "GET" and path.endswith(".onnx")]
    assert len(ranges) == 2 and ranges[0] == "" and int(re.match(r"bytes=(\d+)-", ranges[1])[1]) > 0


def test_the_next_run_continues_a_partial_file(fetch, hub, content, tmp_path):
    whole = content["onnx/model.onnx"]
    scratch = tmp_path / "out" / ".fetch"
    scratch.mkdir(parents=True)
    checksum = hashlib.sha256(whole).hexdigest()
    partial = scratch / (hashlib.sha256(checksum.encode()).hexdigest()[:16] + ".partial")
    partial.write_bytes(whole[:100_000])
    result = fetch()
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "model.onnx").read_bytes() == whole
    assert [asked for method, path, asked in hub.log if method == "GET" and path.endswith(".onnx")] == ["bytes=100000-"]


@pytest.mark.parametrize("path", ["onnx/model.onnx", "tokenizer.json"])
def test_a_wrong_checksum_is_refused(fetch, hub, tmp_path, path):
    hub.spoiled = path
    result = fetch()
    assert result.returncode == 1
    assert last_line(result).startswith(f"fetch: {path} does not have the checksum")
    assert not (tmp_path / "out" / "schema_monitor.json").exists()
    hub.spoiled = ""
    assert fetch().returncode == 0


def test_files_that_contradict_the_catalogue_are_refused(fetch, hub, tmp_path):
    hub.files["1_Pooling/config.json"] = b'{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    result = fetch()
    assert result.returncode == 1
    assert "does not pool by mean" in last_line(result)
    assert not (tmp_path / "out" / "schema_monitor.json").exists()


def test_an_unknown_name_lists_the_known_ones(fetch):
    result = fetch(name="e6")
    assert (result.returncode, result.stderr) == (1, "fetch: unknown model 'e6'; known are tiny\n")


def test_a_hub_that_is_down_says_how_to_do_without(fetch, hub, tmp_path):
    hub.refuses = True
    result = fetch()
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "place model.onnx, tokenizer.json and config.json in" in last_line(result)
    assert not (tmp_path / "out" / "schema_monitor.json").exists()


def test_no_hub_at_all_says_the_same(fetch):
    for variables in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        result = fetch(**variables)
        assert result.returncode == 1
        assert "Traceback" not in result.stderr
        assert "place model.onnx" in last_line(result)
