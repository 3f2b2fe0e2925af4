"""Where submissions are graded: here, in local processes, or on a dask.distributed cluster.

One interface: ``run(jobs)`` takes an iterable and yields ``(job, result)`` as results come; an
exception of the worker's function is yielded as the result, a worker that was lost twice as
WorkerLost.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any, Protocol

from course_lib.errors import CourseError

AHEAD = 4  # jobs per worker that are under way or waiting
WORKER_SECONDS = 30.0  # that a scheduler without workers is waited for


class WorkerLost(Exception):
    """The process that had the job ended twice."""


class Executor(Protocol):
    def run(self, jobs: Iterable[Any]) -> Iterator[tuple[Any, Any]]: ...


@contextmanager
def make(
    function: Callable, workers: int, scheduler: str | None, trust_network: bool = False
) -> Iterator[Executor]:
    """The executor for these settings. Raises CourseError for ones that do not work."""
    if workers < 1:
        raise CourseError(f"--workers is {workers}; it must be 1 or more.")
    if scheduler:
        executor: Any = Dask(function, scheduler, trust_network)
    else:
        executor = Processes(function, workers)
    try:
        yield executor
    finally:
        executor.close()


def _end_with_parent() -> None:
    """End this worker, and with it its sandboxes, when the grader is gone, even if it was
    killed."""
    sentinel = multiprocessing.parent_process().sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Processes:
    """Local worker processes. A lost one is replaced and its job tried once more, alone."""

    def __init__(self, function: Callable, workers: int):
        self.function, self.workers = function, workers
        self._pool: ProcessPoolExecutor | None = None

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # "spawn": a forked child would share the gradebook's connection and the locks.
            self._pool = ProcessPoolExecutor(
                self.workers, multiprocessing.get_context("spawn"), _end_with_parent
            )
        return self._pool

    def run(self, jobs: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        source, pending, lost = iter(jobs), {}, []
        while True:
            room = self.workers * AHEAD - len(pending)
            for job in itertools.islice(source, max(0, room)):
                try:
                    pending[self._start().submit(self.function, job)] = job
                except BrokenProcessPool:
                    lost.append(job)
            if not pending:
                if not lost:
                    return
                yield from self._alone(lost)
                lost = []
                continue
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                job = pending.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    lost.append(job)
                else:
                    yield job, error if error is not None else future.result()
            if lost:
                self.close()

    def _alone(self, jobs: list) -> Iterator[tuple[Any, Any]]:
        for job in jobs:
            self.close()
            future = self._start().submit(self.function, job)
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                self.close()
                yield job, WorkerLost()
            else:
                yield job, error if error is not None else future.result()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


class Dask:
    """Workers of a dask.distributed cluster; they need this package and a sandbox each.

    Jobs carry keys and answers, and whoever reaches a scheduler can run code on its workers. So the
    address must be ``tls://`` (certificates as dask's configuration names them), unless the network
    is trusted.
    """

    def __init__(self, function: Callable, address: str, trust_network: bool = False):
        if not address.startswith("tls://") and not trust_network:
            raise CourseError(
                f"The scheduler's address is {address!r}; jobs carry keys and answers, so it must "
                "start with tls:// (see dask's documentation on TLS). If nobody else is in its "
                "network, say so with --trust-network."
            )
        try:
            from distributed import Client
        except ImportError:
            raise CourseError(
                "--scheduler needs dask.distributed: pip install distributed."
            ) from None
        self.function = function
        try:
            self.client = Client(address, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise CourseError(f"No dask scheduler answers at {address!r}: {error}.") from None
        try:
            self.client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError:
            self.client.close()
            raise CourseError(
                f"The scheduler at {address!r} has no workers after {WORKER_SECONDS:g} seconds. "
                "Start some with `dask worker ADDRESS` on machines that have this package."
            ) from None

    def run(self, jobs: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        source = iter(jobs)
        total = max(1, sum(self.client.nthreads().values()))
        by_key = {}

        def submit(job: Any):
            future = self.client.submit(self.function, job, pure=False, retries=0)
            by_key[future.key] = job
            return future

        flow = as_completed(
            [submit(job) for job in itertools.islice(source, total * AHEAD)], loop=self.client.loop
        )
        for future in flow:
            job = by_key.pop(future.key)
            if future.status == "finished":
                yield job, future.result()
            else:
                error = future.exception()
                yield job, WorkerLost() if isinstance(error, KilledWorker) else error
            future.release()
            for following in itertools.islice(source, 1):
                flow.add(submit(following))

    def close(self) -> None:
        self.client.close()
