"""What a data set is, as its producer declares it: `opendata.yaml` and what follows from it.

Here belong the definition, its reading with places that an editor can jump to, its schedule, and
the texts of a new producer. Running a producer stands behind a port; releases have their own
feature.
"""
