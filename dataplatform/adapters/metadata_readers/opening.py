"""From a channel's pattern to the readers of metadata that it asks for."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from dataplatform.channels.ports import MetadataReader
from dataplatform.channels.spec import Pattern


def open_readers(pattern: Pattern) -> dict[str, MetadataReader]:
    """The readers that a pattern asks for, by what asks for them; each loads its library now.

    Raises:
        InvalidInput: code `unknown_reader`, if no installed package declares the function that the
            pattern names.
    """
    zone = ZoneInfo(pattern.timezone)
    readers: dict[str, MetadataReader] = {}
    if pattern.exif:
        from dataplatform.adapters.metadata_readers.exif import ExifReader

        readers["exif"] = ExifReader(zone)
    if pattern.sidecar is not None:
        from dataplatform.adapters.metadata_readers.sidecar import SidecarReader

        readers["sidecar"] = SidecarReader(zone)
    if pattern.reader is not None:
        from dataplatform.adapters.metadata_readers.plugin import PluginReader

        readers["reader"] = PluginReader(pattern.reader, zone)
    return readers
