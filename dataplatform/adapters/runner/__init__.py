"""Runs a producer's main.py in a process of its own, and takes its rows, words and failures.

`SubprocessRunner` is the face. Here belong the process, its environment and its conversation with
the platform; `producer_process` is the part that runs inside. What the rows mean does not belong
here.
"""

from __future__ import annotations

from dataplatform.adapters.runner.runner import SubprocessRunner

__all__ = ["SubprocessRunner"]
