"""The engine of one machine."""

from __future__ import annotations

import pytest

from dataplatform.adapters.indexing.local import LocalEngine
from dataplatform_tests.adapters.indexing.conformance import EngineConformance


class TestLocalEngine(EngineConformance):
    @pytest.fixture
    def engine(self) -> LocalEngine:
        return LocalEngine(root="/")
