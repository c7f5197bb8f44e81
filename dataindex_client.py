"""The index client under the name that its document gives it (requirement S0-60)."""

from opendata import DataIndexClient as DataIndexClient
