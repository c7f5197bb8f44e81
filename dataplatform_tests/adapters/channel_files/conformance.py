"""What every place of a channel's files does: the same suite on a folder, a bucket and the fake."""

from __future__ import annotations

import hashlib
import urllib.request

import pytest

from dataplatform.channels.ports import ChannelFiles, StoredFile
from opendata.wire.errors import Corrupt, InvalidInput, NotFound


def digest(data: bytes) -> str:
    """The hex sha256."""
    return hashlib.sha256(data).hexdigest()


def write(place: ChannelFiles, path: str, data: bytes) -> StoredFile:
    """Put a file in place; returns it as it is listed."""
    place.write(path, iter([data[:3], data[3:]]), sha256=digest(data))
    found = place.stat(path)
    assert found is not None
    return found


class ChannelFilesConformance:
    """Subclasses give a fixture `place`, which is empty."""

    @pytest.mark.requirement("S0-30", "S0-45")
    def test_files_are_listed_in_byte_order_of_their_paths(self, place: ChannelFiles) -> None:
        paths = ["b.txt", "a/z.txt", "a.txt", "a/é.txt", "a-b/c.txt", "A.bin", "a/b/c/d/e.txt"]
        for path in paths:
            write(place, path, path.encode())
        listed = place.listing()
        assert [one.path for one in listed] == sorted(paths, key=str.encode)
        assert [one.size for one in listed] == [len(one.path.encode()) for one in listed]
        assert [place.stat(one.path) for one in listed] == list(listed)

    def test_pieces_hold_the_same_files(self, place: ChannelFiles) -> None:
        assert [file for piece in place.pieces() for file in piece] == []
        for at in range(7):
            write(place, f"{'abc'[at % 3]}/{at}.txt", b"%d" % at)
        found = [file for piece in place.pieces() for file in piece]
        assert sorted(found) == list(place.listing())
        assert len(found) == 7

    def test_hidden_files_are_none_of_the_channels(self, place: ChannelFiles) -> None:
        write(place, "a.txt", b"1")
        for path in (".hidden", "a/.tmp-1", ".git/config"):
            try:
                write(place, path, b"2")
            except InvalidInput:
                continue  # a store that writes no such names holds none of this project's
        assert [one.path for one in place.listing()] == ["a.txt"]

    def test_a_file_that_is_not_there_is_not_found(self, place: ChannelFiles) -> None:
        write(place, "there/a.txt", b"1")
        for path in ("lost.txt", "there", "there/lost.txt", "there/a.txt/b"):
            assert place.stat(path) is None
            with pytest.raises(NotFound):
                place.hash(path)
            with pytest.raises(NotFound):
                list(place.stream(path))

    @pytest.mark.parametrize("size", [0, 1, 49_999, 1 << 20, (1 << 20) + 1, 3_500_000])
    @pytest.mark.requirement("S0-48")
    def test_hashing_tells_digest_head_and_version(self, place: ChannelFiles, size: int) -> None:
        data = bytes(range(256)) * (size // 256) + bytes(size % 256)
        listed = write(place, "folder/file.bin", data)
        hashed = place.hash("folder/file.bin", head_bytes=100_000)
        assert hashed.sha256 == digest(data)
        assert hashed.head == data[:100_000]
        assert hashed.file == listed == place.listing()[0]
        assert b"".join(place.stream("folder/file.bin")) == data

    def test_another_content_has_another_version(self, place: ChannelFiles) -> None:
        first = write(place, "a.txt", b"one")
        second = write(place, "a.txt", b"two")
        assert first.version != second.version
        assert place.hash("a.txt").sha256 == digest(b"two")

    def test_a_file_with_other_bytes_than_promised_never_gets_its_name(
        self, place: ChannelFiles
    ) -> None:
        before = write(place, "a/a.txt", b"good")
        with pytest.raises(Corrupt):
            place.write("a/a.txt", iter([b"ba", b"d"]), sha256=digest(b"other"))
        with pytest.raises(Corrupt):
            place.write("b/new.txt", iter([b"bad"]), sha256=digest(b"other"))
        assert list(place.listing()) == [before]

    @pytest.mark.parametrize(
        "path", ["../out.txt", "a/../../out", "/etc/passwd", "a//b", "a\\b", "a\nb", "", ".", "a/"]
    )
    def test_paths_that_lead_elsewhere_are_refused(self, place: ChannelFiles, path: str) -> None:
        for ask in (place.stat, place.hash, lambda one: list(place.stream(one))):
            with pytest.raises(InvalidInput):
                ask(path)
        with pytest.raises(InvalidInput):
            place.write(path, iter([b"1"]), sha256=digest(b"1"))
        with pytest.raises(InvalidInput):
            place.links([path], 60)

    def test_links_lead_to_the_bytes(self, place: ChannelFiles) -> None:
        paths = ["a/one two.txt", "a/é+&%.txt"]
        for path in paths:
            write(place, path, path.encode())
        links = place.links(paths, 60)
        assert len(links) == len(set(links)) == 2
        assert place.links([], 60) == []
        if links[0].startswith(("file:", "http:")):
            for path, link in zip(paths, links, strict=True):
                with urllib.request.urlopen(link) as answer:
                    assert answer.read() == path.encode()

    def test_its_address_ends_with_a_slash(self, place: ChannelFiles) -> None:
        assert place.url.endswith("/")
        assert "secret" not in place.url + repr(place)
