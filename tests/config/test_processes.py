import socket
import sys

import pytest

from config.processes import Processes, free_port, wait_for


def test_a_taken_port_gives_the_next_free_one():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert free_port(taken) > taken


def test_leaving_stops_what_was_started_even_if_it_ignores_sigterm(tmp_path):
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    with Processes(tmp_path) as children:
        child = children.start("stubborn", sys.executable, "-c", stubborn)
        while b"up" not in child.log.read_bytes():
            assert child.process.poll() is None
        children.stop(patience=0.3)
        assert child.process.poll() is not None
    assert children.children == []


def test_a_server_that_dies_is_reported_with_the_end_of_its_log(tmp_path):
    with Processes(tmp_path) as children:
        child = children.start("web", sys.executable, "-c", "raise SystemExit('no module named spam')")
        with pytest.raises(RuntimeError, match="no module named spam"):
            wait_for("http://127.0.0.1:9/", child)
