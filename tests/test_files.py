"""utils/files.py and utils/errors.py: whole files, folders of one process, errors of one line."""

import csv
import errno
import os
import subprocess
import sys
import threading

import pytest

from tests.conftest import ROOT
from utils.errors import InputError
from utils.files import InUse, claimed, new_folder, write_csv, written_whole


def python(code, *arguments, folder=ROOT, **environment):
    """Run Python code in a process of its own; returns the finished process."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    options = {"capture_output": True, "text": True, "timeout": 60}
    return subprocess.run(command, cwd=folder, env=environment, **options)


def held(folder):
    """A process that holds the folder until it is killed or its input ends."""
    code = (
        "import sys; from utils.files import claimed\n"
        "with claimed(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def end(process):
    process.stdin.close()
    process.stdout.close()
    process.wait()


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new folder" / "été.txt"
    with written_whole(path) as part:
        part.write_text("whole")
        assert not path.exists() and part.suffix == ".txt" and part.parent == path.parent
    assert path.read_text() == "whole" and os.listdir(path.parent) == ["été.txt"]


def test_a_failure_keeps_the_old_file_and_leaves_no_part(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import os, signal, sys; from utils.files import written_whole\n"
        "with written_whole(sys.argv[1]) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert python(code, path).returncode == -9
    assert path.read_text() == "old"


def test_a_file_is_on_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    """And it is flushed by a handle that may write, as Windows asks."""
    fcntl = pytest.importorskip("fcntl")
    steps = []

    def fsync(handle):
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")  # what Windows says
        steps.append("flushed")

    replace = os.replace
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", lambda *names: steps.append("moved") or replace(*names))
    with written_whole(tmp_path / "a.txt") as part:
        part.write_text("whole")
    assert steps == ["flushed", "moved"]


def test_a_file_that_another_program_holds_open_is_named(tmp_path, monkeypatch):
    """Windows does not replace an open file."""

    def replace(*names):
        raise PermissionError(errno.EACCES, "The process cannot access the file")

    monkeypatch.setattr(os, "replace", replace)
    path = tmp_path / "map.png"
    said = "map.png: cannot be written .*cannot access"
    with pytest.raises(InputError, match=said), written_whole(path) as part:
        part.write_text("whole")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_one_line(tmp_path):
    code = (
        "import resource, sys; from utils.files import written_whole\n"
        "from utils.errors import run_main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "def main():\n"
        "    with written_whole(sys.argv[1]) as part: part.write_bytes(bytes(5000))\n"
        "run_main(main)"
    )
    process = python(code, tmp_path / "a.bin")
    assert process.returncode == 2 and process.stderr.count("\n") == 1
    assert "a.bin: cannot be written (File too large)" in process.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["written_whole('a/b')", "claimed('a')", "claimed('.')"])
def test_a_folder_that_may_not_be_written_is_named(tmp_path, call):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    code = (
        "import os; from utils.files import claimed, written_whole\n"
        "from utils.errors import run_main\n"
        "if os.getuid() == 0: os.setuid(65534)  # root may write anywhere\n"
        f"def main():\n    with {call}: pass\n"
        "run_main(main)"
    )
    process = python(code, folder=folder)
    assert process.returncode == 2 and process.stderr.count("\n") == 1, process.stderr
    assert "cannot be written (Permission denied)" in process.stderr


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "runs").write_text("")
    for call in (claimed, written_whole):
        said = "runs/mine: cannot be written"
        with pytest.raises(InputError, match=said), call(tmp_path / "runs" / "mine"):
            pass
    with pytest.raises(InputError, match="runs: cannot be written"):
        new_folder(tmp_path / "runs", "mine")


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path):
    holder = held(tmp_path / "out")
    said = "out: another process works in it"
    with pytest.raises(InUse, match=said), claimed(tmp_path / "out"):
        pass
    end(holder)
    with claimed(tmp_path / "out") as folder:
        assert folder == tmp_path / "out"


def test_a_killed_process_holds_nothing(tmp_path):
    holder = held(tmp_path / "out")
    holder.kill()
    holder.wait()
    with claimed(tmp_path / "out"):
        pass
    holder.stdin.close()
    holder.stdout.close()


def test_a_claim_ends_with_an_error_and_holds_against_threads(tmp_path):
    with pytest.raises(RuntimeError), claimed(tmp_path):
        raise RuntimeError
    refused = []

    def second():
        try:
            with claimed(tmp_path):
                pass
        except InUse as error:
            refused.append(error)

    with claimed(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(refused) == 1


def test_runs_started_together_get_a_folder_each(tmp_path):
    code = (
        "import sys; from utils.files import new_folder\n"
        "sys.stdin.read(1)\n"
        "for _ in range(20): print(new_folder(sys.argv[1], 'run'))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(4)]
    for process in processes:
        process.stdin.write("x")
        process.stdin.flush()
    names = [name for process in processes for name in process.communicate()[0].split()]
    assert len(names) == len(set(names)) == 80


def test_a_number_that_was_used_is_not_given_again(tmp_path):
    made = [new_folder(tmp_path, "run").name for _ in range(3)]
    assert made == ["run", "run-2", "run-3"]
    (tmp_path / "run-2").rmdir()
    (tmp_path / "run-x").mkdir()
    (tmp_path / "run-7-old").mkdir()
    assert new_folder(tmp_path, "run").name == "run-4"
    assert new_folder(tmp_path, "run", taken=lambda name: name == "run-5").name == "run-6"
    assert new_folder(tmp_path / "absent", "run").name == "run"


@pytest.mark.parametrize(
    "main, code, said",
    [
        ("raise InputError('a.npz: 2 bands\\nfound')", 2, "error: a.npz: 2 bands found\n"),
        ("raise KeyboardInterrupt", 130, "interrupted; "),
        ("print('\\u6c34 été')", 0, ""),
    ],
)
def test_a_script_ends_as_a_terminal_expects(main, code, said):
    text = f"from utils.errors import InputError, run_main\ndef main(): {main}\nrun_main(main)"
    process = python(text, PYTHONIOENCODING="ascii")
    assert process.returncode == code and process.stderr.startswith(said)
    assert process.stderr.count("\n") == (code > 0) and "Traceback" not in process.stderr


def test_a_reader_that_goes_away_is_no_traceback():
    text = (
        "from utils.errors import run_main\n"
        "def main():\n    for i in range(100_000): print(i)\n"
        "run_main(main)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1
    process.stderr.close()


def test_a_table_is_read_as_it_was_written_also_with_commas_and_other_letters(tmp_path):
    rows = [("class", "hectares"), ("Röhricht, nass", "0.5"), ("", "1")]
    write_csv(tmp_path / "new" / "table.csv", rows)
    with open(tmp_path / "new" / "table.csv", encoding="utf-8", newline="") as file:
        assert [tuple(row) for row in csv.reader(file)] == rows
