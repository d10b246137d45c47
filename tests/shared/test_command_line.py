import subprocess
import sys

THREAD_THAT_GOES_ON = """
import sys, threading, time
from vector_ingest.command.command_line import leave
threading.Thread(target=time.sleep, args=(120,)).start()
sys.stdout.write("all of it")
leave(3)
"""


def test_a_process_leaves_at_once_with_its_output_and_code_whatever_its_threads_do() -> None:
    """A library's thread that is still busy must neither hold the process nor change its exit code."""
    ended = subprocess.run(
        [sys.executable, "-c", THREAD_THAT_GOES_ON], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "all of it", "")
