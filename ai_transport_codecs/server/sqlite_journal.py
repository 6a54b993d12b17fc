"""A journal in an SQLite file: what is acknowledged outlives the server, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ai_transport_codecs.channels.memory.records import Entry
from ai_transport_codecs.errors import UsageError

from . import refusals
from .entry_text import dump_entry, load_entry

_log: Final = logging.getLogger("ai_transport_codecs.server")

_APPLICATION: Final = 0x61697463
"""What marks an SQLite file as ours."""

_VERSION: Final = 1
_MOST_WAITING: Final = 5_000

_CREATE: Final = "CREATE TABLE entries (number INTEGER PRIMARY KEY, channel TEXT NOT NULL, entry TEXT NOT NULL)"
_INSERT: Final = "INSERT INTO entries (channel, entry) VALUES (?, ?)"
_SELECT: Final = "SELECT number, channel, entry FROM entries ORDER BY number"


class SqliteJournal:
    """Keeps entries in the file ``path``, in a thread of its own; one server at a time.

    What comes while a transaction is being written goes into the next one, so that many operations share one flush to
    the disk. When writing fails, everyone who waits is refused, and ``failed`` is set for good: what is in memory is
    not in the file any more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = 0
        self._kept = 0
        self._waiting: list[tuple[str, Entry]] = []
        self._news = asyncio.Event()
        self._progress = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._db: sqlite3.Connection | None = None
        self._reading = 0
        self._writing: asyncio.Task[None] | None = None
        self._is_closing = False
        self.failed = asyncio.Event()
        """Set when nothing more can be kept."""

    # -- opening and closing -------------------------------------------------------------------------------------------

    async def open(self, restore: Callable[[Iterator[tuple[str, Entry]]], None]) -> None:
        """Open the file, and give ``restore`` what is in it.

        Raises UsageError when it cannot be used: not a database of this server, in use by another one, damaged, or
        nothing that may be written.
        """
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._open, restore)
        except BaseException:
            await loop.run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)
            raise
        self._writing = asyncio.create_task(self._write_all())

    async def close(self) -> None:
        """Keep what waits, and close the file."""
        self._is_closing = True
        self._news.set()
        if self._writing is not None:
            await self._writing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    # -- what a server asks --------------------------------------------------------------------------------------------

    @property
    def mark(self) -> int:
        return self._mark

    @property
    def is_busy(self) -> bool:
        return self._mark - self._kept > _MOST_WAITING

    def add(self, channel: str, entry: Entry) -> None:
        """Keep an entry. Raises ChannelError 50000 when nothing can be kept any more."""
        if self.failed.is_set():
            raise refusals.storage_failed()
        self._mark += 1
        self._waiting.append((channel, entry))
        self._news.set()

    def holds(self, mark: int) -> bool:
        return self._kept >= mark and not self.failed.is_set()

    async def reach(self, mark: int) -> None:
        while not self.holds(mark):
            if self.failed.is_set():
                raise refusals.storage_failed()
            await self._progress.wait()

    # -- writing -------------------------------------------------------------------------------------------------------

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting or not self._is_closing:
            self._news.clear()
            if not self._waiting:
                await self._news.wait()
                continue
            batch, self._waiting = self._waiting, []
            try:
                await loop.run_in_executor(self._thread, self._write, batch)
            except Exception:
                _log.exception("%s cannot be written any more; the server stops", self._path)
                self.failed.set()
                self._tell()
                return
            self._kept += len(batch)
            self._tell()

    def _tell(self) -> None:
        """Wake whoever waits for the next progress."""
        told, self._progress = self._progress, asyncio.Event()
        told.set()

    def _write(self, batch: Sequence[tuple[str, Entry]]) -> None:
        assert self._db is not None  # noqa: S101 - opened before anything is added
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(_INSERT, ((channel, dump_entry(entry)) for channel, entry in batch))

    # -- in the thread -------------------------------------------------------------------------------------------------

    def _open(self, restore: Callable[[Iterator[tuple[str, Entry]]], None]) -> None:
        try:
            # Transactions begin and end where this module says so.
            self._db = db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
            self._prepare(db)
            restore(self._read(db))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{str(self._path)!r} is damaged: its entry {self._reading} makes no sense ({error!r}); choose another"
                " file",
                cause=error,
            ) from error
        except sqlite3.OperationalError as error:
            raise UsageError(
                f"the database {str(self._path)!r} cannot be used: {error}; choose a file that can be written and that"
                " no other server uses",
                cause=error,
            ) from error
        except sqlite3.DatabaseError as error:
            raise UsageError(
                f"{str(self._path)!r} is not a database, or is damaged: {error}; choose another file", cause=error
            ) from error

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        # FULL flushes at each commit, so that not even a power cut undoes what was acknowledged.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        [(application,)] = db.execute("PRAGMA application_id")
        [(version,)] = db.execute("PRAGMA user_version")
        [(tables,)] = db.execute("SELECT count(*) FROM sqlite_master")
        if tables == 0:
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {_VERSION}")
            db.execute(_CREATE)
        elif application != _APPLICATION:
            raise UsageError(f"{str(self._path)!r} is another program's database; choose another file")
        elif version != _VERSION:
            raise UsageError(
                f"{str(self._path)!r} is of version {version} of this server's databases, and this program knows"
                f" version {_VERSION}; use the program that wrote it, or choose another file"
            )
        db.execute("COMMIT")

    def _read(self, db: sqlite3.Connection) -> Iterator[tuple[str, Entry]]:
        for self._reading, channel, text in db.execute(_SELECT):
            yield channel, load_entry(text)

    def _close(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.rollback()
            self._db.close()
            self._db = None
