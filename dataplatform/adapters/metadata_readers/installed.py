"""The metadata readers of this installation, behind the one port that describing files asks."""

from __future__ import annotations

from datetime import tzinfo

from dataplatform.channels.told import Told


class InstalledReaders:
    """Each source loads its library when it is first asked."""

    def exif(self, head: bytes, zone: tzinfo) -> Told:
        """See `MetadataReaders.exif`."""
        from dataplatform.adapters.metadata_readers.exif import read_exif

        return read_exif(head, zone)

    def sidecar(self, data: bytes, path: str, zone: tzinfo) -> Told:
        """See `MetadataReaders.sidecar`."""
        from dataplatform.adapters.metadata_readers.sidecar import read_sidecar

        return read_sidecar(data, path, zone)

    def plugin(self, name: str, path: str, head: bytes, zone: tzinfo) -> Told:
        """See `MetadataReaders.plugin`."""
        from dataplatform.adapters.metadata_readers.plugin import load_reader

        return load_reader(name)(path, head, zone)
