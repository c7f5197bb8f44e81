"""The platform's own `od` sub-commands, plugged into the SDK's command line by entry point.

Here belong the words of publishing: what is asked, shown and refused on a terminal. What a verb
means stands in the features; which adapter acts, in `wiring`. This module itself imports nothing,
because the SDK reads its table before it knows what will run.
"""

from __future__ import annotations

from typing import Final

#: Where each command stands. `doctor` is no command of its own: it adds to the SDK's.
commands: Final[dict[str, str]] = {
    "bundle adopt": "dataplatform.cli.bundles.adopt:adopt",
    "bundle check": "dataplatform.cli.bundles.check:check",
    "bundle diff": "dataplatform.cli.bundles.diff:diff",
    "bundle index": "dataplatform.cli.bundles.index:index",
    "bundle repair": "dataplatform.cli.bundles.repair:repair",
    "bundle status": "dataplatform.cli.bundles.status:status",
    "bundle verify": "dataplatform.cli.bundles.verify:verify",
    "bundle workflows": "dataplatform.cli.bundles.workflows:workflows",
    "check": "dataplatform.cli.check:check",
    "demo": "dataplatform.cli.demo:demo",
    "diff": "dataplatform.cli.diff:diff",
    "doctor": "dataplatform.cli.doctor:checks",
    "freeze": "dataplatform.cli.freeze:freeze",
    "gc": "dataplatform.cli.gc:gc",
    "init": "dataplatform.cli.init:init",
    "key": "dataplatform.cli.key:key",
    "patch": "dataplatform.cli.patch:patch",
    "push": "dataplatform.cli.push:push",
    "registry": "dataplatform.cli.registry:registry",
    "repair": "dataplatform.cli.repair:repair",
    "reproduce": "dataplatform.cli.reproduce:reproduce",
    "retention": "dataplatform.cli.retention:retention",
    "rollback": "dataplatform.cli.rollback:rollback",
    "run": "dataplatform.cli.run:run",
    "serve": "dataplatform.cli.serve:serve",
    "yank": "dataplatform.cli.yank:yank",
}
