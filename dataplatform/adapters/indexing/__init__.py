"""Engines that describe a channel's files, on this machine or on Spark, with the same outcome."""
