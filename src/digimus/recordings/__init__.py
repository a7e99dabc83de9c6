"""Recordings of behaving mice, from NWB files to arrays that a decoder can learn from.

`read_session` reads one file, `prepare` cuts it into labelled samples of shape (time, units),
`prepare_dataset` does both for many files and sets the bad ones aside, `splits` divides samples into
training and test without ever dividing a trial, and `offers` tells what a file holds.
"""

from digimus.recordings import splits
from digimus.recordings.binning import average_traces, bin_session, count_spikes
from digimus.recordings.datasets import PreparedDataset, prepare_dataset, prepare_files, recorded_files
from digimus.recordings.duplicates import Duplicate, find_duplicates
from digimus.recordings.labels import Label
from digimus.recordings.overview import describe, offers
from digimus.recordings.preparation import prepare
from digimus.recordings.prepared import Prepared, read_prepared, write_prepared
from digimus.recordings.sessions import Session, Traces, read_session
from digimus.recordings.windows import Preparation, Samples, samples

__all__ = [
    "Duplicate",
    "Label",
    "Preparation",
    "Prepared",
    "PreparedDataset",
    "Samples",
    "Session",
    "Traces",
    "average_traces",
    "bin_session",
    "count_spikes",
    "describe",
    "find_duplicates",
    "offers",
    "prepare",
    "prepare_dataset",
    "prepare_files",
    "read_prepared",
    "read_session",
    "recorded_files",
    "samples",
    "splits",
    "write_prepared",
]
