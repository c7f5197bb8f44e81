"""Streams: all files at the pace of the reader, however that reader behaves."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dataplatform.api.endpoint import Bytes, Streamed
from dataplatform.api.exchange import HungUp, Workers, first_piece, send_streamed
from dataplatform_tests.api.site import CHANNEL, FILES, STREAM, Site, arrow_of
from dataplatform_tests.reading.file_index.lake import pictures
from opendata.wire.errors import Corrupt, Unavailable


@pytest.fixture
def site() -> Site:
    site = Site()
    site.publish({CHANNEL: pictures(100, undated=5), "second": pictures(30)})
    return site


@pytest.mark.requirement("S0-40", "S0-64")
def test_a_channel_comes_in_batches_of_the_asked_size(site: Site) -> None:
    with site.serving() as client:
        answer = client.get(STREAM, params={"channel": CHANNEL, "batch_size": 40})
    table = arrow_of(answer.content)
    assert [len(chunk) for chunk in table.column("file_id").chunks] == [40, 40, 25]
    assert table.column("file_id").to_pylist() == [f"img_{n:06}" for n in range(105)]
    assert table.schema.metadata[b"opendata.revision"] == b"1"


def test_all_channels_follow_one_another_and_are_named(site: Site) -> None:
    with site.serving() as client:
        table = arrow_of(client.get(STREAM).content)
        lines = client.get(STREAM, headers={"accept": "application/x-ndjson"}).text.splitlines()
    assert table.column_names[0] == "channel"
    assert table.column("channel").to_pylist() == [CHANNEL] * 105 + ["second"] * 30
    assert [json.loads(line)["channel"] for line in lines] == table.column("channel").to_pylist()


def test_packed_batches_hold_the_same(site: Site) -> None:
    with site.serving() as client:
        plain = client.get(STREAM).content
        for compression in ("lz4", "zstd"):
            packed = client.get(STREAM, params={"compression": compression}).content
            assert arrow_of(packed).equals(arrow_of(plain))


def test_a_stream_goes_on_where_a_cursor_says(site: Site) -> None:
    with site.serving() as client:
        asked = {"channel": CHANNEL, "limit": 100}
        cursor = client.get(FILES, params=asked).json()["next_cursor"]
        table = arrow_of(client.get(STREAM, params={"cursor": cursor}).content)
    assert table.column("file_id").to_pylist()[:6] == [
        *(f"img_{n:06}" for n in range(100, 105)),
        "img_000000",
    ]
    assert table.num_rows == 35


def test_what_nothing_matches_is_an_empty_stream(site: Site) -> None:
    asked = {"channel": CHANNEL, "start_time": "2030-01-01"}
    with site.serving() as client:
        assert arrow_of(client.get(STREAM, params=asked).content).num_rows == 0
        lines = client.get(STREAM, params={**asked, "format": "ndjson"})
    assert (lines.status_code, lines.content) == (200, b"")


def test_a_wrong_question_is_told_before_anything_is_sent(site: Site) -> None:
    with site.serving() as client:
        assert client.get(STREAM, params={"start_time": "soon"}).status_code == 400
        assert client.get(STREAM, params={"format": "json"}).json()["code"] == "unknown_format"
        assert client.get(STREAM, params={"batch_size": 0}).status_code == 400


def test_asking_for_the_head_makes_nothing(site: Site) -> None:
    with site.serving() as client:
        answer = client.head(STREAM)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-bundle-revision"] == "1" and "content-length" not in answer.headers


# --- readers that are slow, or go away -------------------------------------------------


class Reader:
    """The other end of a connection: takes a piece when it is let, and may hang up."""

    def __init__(self) -> None:
        self.taken: list[Bytes] = []
        self.status: int | None = None
        self.is_ended = False
        self.may_take = asyncio.Semaphore(0)
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message.get("more_body"):
            await self.may_take.acquire()
            self.taken.append(message["body"])
        else:
            self.is_ended = True


class Source:
    """Pieces that count how many of them were made, and whether somebody closed them."""

    def __init__(self, count: int, broken_at: int | None = None) -> None:
        self.made = 0
        self.is_closed = False
        self._count = count
        self._broken_at = broken_at

    def pieces(self) -> Iterator[Bytes]:
        try:
            for number in range(self._count):
                if number == self._broken_at:
                    raise Corrupt("a row group is damaged")
                self.made += 1
                yield b"%d" % number
        finally:
            self.is_closed = True


async def settled(condition: Callable[[], bool]) -> None:
    """Wait for what has to become true; the test's own limit ends what never does."""
    while not condition():
        await asyncio.sleep(0.001)


async def streaming(source: Source, reader: Reader, workers: Workers) -> None:
    answer = Streamed(source.pieces())
    first = await first_piece(answer, workers)
    await send_streamed(answer, workers, first, reader.receive, reader.send)


def run(test: Callable[[Reader, Workers], Any]) -> None:
    async def alone() -> None:
        workers = Workers(2, 2)
        try:
            await test(Reader(), workers)
        finally:
            workers.close()

    asyncio.run(alone())


def test_a_slow_reader_has_two_pieces_made_for_it_and_no_more() -> None:
    async def test(reader: Reader, workers: Workers) -> None:
        source = Source(100)
        task = asyncio.create_task(streaming(source, reader, workers))
        for taken in range(1, 20):
            await settled(lambda taken=taken: source.made == taken + 1)  # type: ignore[misc]
            for _ in range(50):  # whatever could still be done, is
                await asyncio.sleep(0)
            assert source.made == taken + 1
            reader.may_take.release()
            await settled(lambda taken=taken: len(reader.taken) == taken)  # type: ignore[misc]
        reader.gone.set()
        with pytest.raises(HungUp):
            await task
        assert source.is_closed

    run(test)


def test_many_slow_readers_hold_no_thread() -> None:
    async def test(reader: Reader, workers: Workers) -> None:
        readers = [Reader() for _ in range(50)]
        tasks = [asyncio.create_task(_begun(one, workers)) for one in readers]
        await settled(lambda: all(one.status is not None for one in readers))
        assert await workers.run(lambda: "free") == "free"
        for one in readers:
            one.gone.set()
        assert all(
            isinstance(end, HungUp) for end in await asyncio.gather(*tasks, return_exceptions=True)
        )

    run(test)


async def _begun(reader: Reader, workers: Workers) -> None:
    """Start one stream after the other, so that none is turned away."""
    while True:
        try:
            await streaming(Source(100), reader, workers)
        except Unavailable:
            await asyncio.sleep(0.001)
        else:
            return


def test_who_goes_away_while_a_piece_is_made_waits_for_nothing_to_break() -> None:
    async def test(reader: Reader, workers: Workers) -> None:
        gate, is_closed = threading.Event(), threading.Event()

        def pieces() -> Iterator[Bytes]:
            try:
                yield b"first"
                gate.wait()
                yield b"second"
            finally:
                is_closed.set()

        reader.may_take.release()
        answer = Streamed(pieces())
        first = await first_piece(answer, workers)
        task = asyncio.create_task(
            send_streamed(answer, workers, first, reader.receive, reader.send)
        )
        await settled(lambda: bool(reader.taken))
        reader.gone.set()
        for _ in range(50):
            await asyncio.sleep(0)
        assert not is_closed.is_set()
        gate.set()
        with pytest.raises(HungUp):
            await task
        assert is_closed.is_set()

    run(test)


def test_who_reads_all_gets_all_and_an_end() -> None:
    async def test(reader: Reader, workers: Workers) -> None:
        source = Source(10)
        for _ in range(10):
            reader.may_take.release()
        await streaming(source, reader, workers)
        assert reader.taken == [b"%d" % number for number in range(10)]
        assert reader.is_ended and source.is_closed

    run(test)


def test_a_stream_that_breaks_has_no_end() -> None:
    async def test(reader: Reader, workers: Workers) -> None:
        source = Source(10, broken_at=3)
        for _ in range(10):
            reader.may_take.release()
        with pytest.raises(Corrupt):
            await streaming(source, reader, workers)
        assert reader.taken == [b"0", b"1", b"2"] and not reader.is_ended

    run(test)


def test_too_many_at_once_are_turned_away() -> None:
    async def test(reader: Reader, workers: Workers) -> None:
        gate = threading.Event()
        waiting = [asyncio.create_task(workers.run(gate.wait)) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as error:
            await workers.run(gate.wait)
        assert error.value.code == "overloaded"
        gate.set()
        assert await asyncio.gather(*waiting) == [True] * 4
        assert await workers.run(lambda: "again") == "again"

    run(test)


def test_no_more_streams_than_there_is_room_for(site: Site) -> None:
    """Each holds what was decoded for it, however long its reader rests."""
    workers = Workers(1, 1, streams=2)
    with workers.streaming(), workers.streaming():
        with pytest.raises(Unavailable) as refused, workers.streaming():
            pass
        assert refused.value.code == "overloaded"
    with workers.streaming():
        workers.close()
    with site.serving(streams=0) as client:
        assert client.get(STREAM).status_code == 503
        assert client.get(FILES, params={"channel": CHANNEL}).status_code == 200
    with site.serving(streams=1) as client:
        assert [client.get(STREAM).status_code for _ in range(3)] == [200] * 3
