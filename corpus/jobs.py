"""Jobs: processes that train, side by side on this machine or on a dask cluster."""

import collections
import concurrent.futures
import hashlib
import inspect
import json
import math
import os
import queue
import re
import statistics
import subprocess
import sys
import time

from corpus import DataError
from corpus.runs import with_constants

# `variant`: jobs of a variant differ in their seed alone. `code`: Python code that trains; on a
# cluster nothing else is sent. `seconds`: what it will take, None where nothing is known.
Job = collections.namedtuple("Job", "title variant code seconds")
FAILED = "training failed"  # not said where a worker of a cluster was lost
OUTPUT = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
OUTPUT |= {"encoding": "utf-8", "errors": "replace"}


class Machine:
    """Runs jobs as processes of this machine, which share its cores; stops them at the end."""

    def __init__(self, slots):
        self.slots, self.children, self.stopped = slots, [], False
        self.pool = concurrent.futures.ThreadPoolExecutor(slots)

    def submit(self, job, folder):
        if self.slots == 1:
            return self.pool.submit(self.run, job.code, folder, {})
        threads = str(max(1, (os.cpu_count() or 1) // self.slots))
        names = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"
        environment = dict.fromkeys(names, threads) | {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
        return self.pool.submit(self.run, job.code, folder, environment, f"{job.title}: ")

    def run(self, code, folder, environment, title=""):
        """Runs Python code in a process; shows a line an epoch.

        Returns a subprocess.CompletedProcess whose stdout is the last line of output.
        """
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUTF8": "1"} | environment
        arguments, last = [sys.executable, "-u", "-c", code], ""
        with subprocess.Popen(arguments, cwd=folder, env=environment, **OUTPUT) as process:
            self.children.append(process)
            if self.stopped:
                process.terminate()
            for line in process.stdout:
                last = line.strip() or last
                if re.match(r"Epoch |\d+/\d+ - .*loss", line):  # what fit(verbose=2) prints
                    print(f"  {title}{last}", flush=True)
        return subprocess.CompletedProcess(arguments, process.returncode, last)

    def close(self):
        self.stopped = True  # first: a child that starts now sees it
        self.pool.shutdown(wait=False, cancel_futures=True)
        for child in list(self.children):
            child.terminate()  # nothing happens to one that ended


class Cluster:
    """Runs jobs on the workers of a dask scheduler, which see the same folder and Python.

    What runs when this program is stopped runs on; its run is found later.
    """

    def __init__(self, address):
        try:
            import distributed

            self.client = distributed.Client(address, timeout="20s")
        except ImportError as error:
            install = "python -m pip install -r requirements-tools.txt"
            raise DataError(f"{error}. Install it: {install}") from None
        except (OSError, ValueError) as error:
            raise DataError(f"no dask scheduler answers at {address} ({error})") from None
        self.pool = self.client.get_executor()

    @property
    def slots(self):
        return max(1, sum(self.client.nthreads().values()))

    def submit(self, job, folder):
        line = [sys.executable, "-c", job.code]
        return self.pool.submit(subprocess.run, line, cwd=folder, **OUTPUT)

    def close(self):
        self.client.close()


def child(path, text, variant, constants, key, since, backend):
    """Runs a training script with other constants, unless another process does, or did since.

    Its text is the code of a Job, with the standard library alone. Args: `path`, of the script;
    `text`, the one that was compared with the stored runs; `variant`, with `constants`; `key`, a
    number of the run; `since`, when the newest run was finished while this one was missing.
    """
    import contextlib
    import json
    import os
    import pathlib
    import sys

    path = pathlib.Path(path)
    if path.read_text(encoding="utf-8") != text:
        sys.exit(f"{path.name} was edited while compare.py ran. Type the command again.")
    os.environ["KERAS_BACKEND"] = backend
    os.makedirs("runs", exist_ok=True)
    lock = open("runs/.lock", "a")  # locked is the byte at `key`, until this process ends
    with contextlib.suppress(ImportError, OSError):  # Windows, or a file system without locks
        import fcntl

        fcntl.lockf(lock, fcntl.LOCK_EX, 1, key)  # waits for another process
    for result in pathlib.Path("runs").glob(f"{path.stem}-*/result.json"):
        with contextlib.suppress(ValueError):  # it is being written
            same = json.loads(result.read_bytes())["constants"] == constants
            if same and result.stat().st_mtime > since:
                sys.exit()
    exec(compile(variant, str(path), "exec"), {"__name__": "__main__", "__file__": str(path)})


def training(run, title, changes, text, finished):
    """Returns the Job that trains a run with changed constants; `text` is that of its script."""
    variant = {name: value for name, value in changes.items() if name != "SEED"}
    key = int(hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:15], 16)
    since = max((other["finished"] for other in finished), default=0)
    arguments = os.path.abspath(f"{run['script']}.py"), text, with_constants(text, changes)
    arguments += run["constants"], key, since, run["backend"]
    code = f"{inspect.getsource(child)}\nchild{arguments!r}"
    seconds = [other["seconds"] for other in finished if other["script"] == run["script"]]
    expected = statistics.mean(seconds) if seconds else None
    return Job(title, json.dumps([run["script"], variant]), code, expected)


def reason_of(future):
    """Returns why a job failed: the last line of its output; None if it did not fail."""
    try:
        done = future.result()
    except Exception as error:  # of the cluster: a worker was lost
        return f"{type(error).__name__}: {error}".splitlines()[0]
    last = (done.stdout.strip() or "no output").splitlines()[-1]
    return f"{FAILED} (status {done.returncode}): {last}" if done.returncode else None


def time_of(jobs, slots, measured=()):
    """Returns ", about N min" for jobs, or nothing where nothing is known of them."""
    known = [job.seconds for job in jobs if job.seconds] or measured
    minutes = statistics.mean(known or [0]) * len(jobs) / slots / 60
    return f", about {math.ceil(minutes)} min" if known else ""


def run_all(jobs, workers, folder):
    """Runs jobs on a Machine or Cluster in a folder; yields (job, reason it failed or None).

    After a failure the jobs of the same variant are not started, and after failures of two variants
    for the same reason no job is. Such jobs are not yielded.
    """
    waiting, running, failed, measured = list(jobs), {}, {}, []
    done = queue.SimpleQueue()  # with `concurrent.futures.wait`, threads do not end at Ctrl-C
    try:
        while waiting or running:
            while waiting and len(running) < workers.slots:
                left = [*waiting, *(other for other, _ in running.values())]
                left = time_of(left, workers.slots, measured)
                job = waiting.pop(0)
                text = f"run {len(jobs) - len(waiting)} of {len(jobs)}: {job.title}"
                print(f"{text}{left} left" if left else text, flush=True)
                future = workers.submit(job, os.path.abspath(folder))
                running[future] = job, time.perf_counter()
                future.add_done_callback(done.put)
            try:
                future = done.get(timeout=10)
            except queue.Empty:  # workers of a cluster may have come: look again
                continue
            job, start = running.pop(future)
            reason = reason_of(future)
            measured += [time.perf_counter() - start] * (reason is None)
            if reason and reason not in failed.values():
                print(f"  {job.title}: {reason}", file=sys.stderr, flush=True)
            if reason and reason.startswith(FAILED):
                stop = reason in failed.values() and job.variant not in failed
                failed.setdefault(job.variant, reason)
                waiting = [] if stop else [w for w in waiting if w.variant != job.variant]
            yield job, reason
    finally:
        workers.close()
