"""What data sets promise, and how it is judged: contracts, their evolution, reports and profiles.

Here belong the meaning of a promise and of breaking it, as pure values. Engines that read files
and libraries that run expectations stand behind ports, in `adapters`.
"""
