"""Recordings of behaving mice, from NWB files to arrays that a decoder can learn from.

`read_session` reads one file, `prepare` cuts it into labelled samples of shape (time, units),
`prepare_dataset` does both for many files and sets the bad ones aside, `splits` divides samples into
training and test without ever dividing a trial, and `offers` tells what a file holds.
"""

from digimus.recordings import splits
from digimus.recordings.binning import average_traces, count_spikes
from digimus.recordings.overview import describe, offers
from digimus.recordings.preparation import (
    Prepared,
    prepare,
    prepare_dataset,
    read_prepared,
    write_prepared,
)
from digimus.recordings.sessions import Duplicate, Session, Traces, find_duplicates, read_session
from digimus.recordings.windows import Label, Preparation, Samples, samples

__all__ = [
    "Duplicate",
    "Label",
    "Preparation",
    "Prepared",
    "Samples",
    "Session",
    "Traces",
    "average_traces",
    "count_spikes",
    "describe",
    "find_duplicates",
    "offers",
    "prepare",
    "prepare_dataset",
    "read_prepared",
    "read_session",
    "samples",
    "splits",
    "write_prepared",
]
