"""Small NWB files for the tests of reading: built in memory, a part at a time."""

from contextlib import nullcontext
from datetime import UTC, datetime

import numpy as np
import pytest
from hdmf.common import VectorData, VectorIndex
from pynwb import NWBHDF5IO, NWBFile
from pynwb.file import Subject
from pynwb.misc import Units

SPIKES = ([0.1, 1.05, 1.2, 3.3], [], [0.2, 1.1, 5.0])


def new_file():
    """An NWB file in memory, with four trials."""
    nwb = NWBFile("a test", "same in all files", datetime(2024, 1, 1, tzinfo=UTC), session_id="s1")
    nwb.subject = Subject(subject_id="m1", species="Mus musculus")
    for start in range(4):
        nwb.add_trial(start_time=float(start), stop_time=start + 0.5)
    return nwb


def written(nwb, path):
    with NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)
    return path


def add_units(nwb, spikes=SPIKES, **columns):
    """Units with spike times and plain columns."""
    flat = VectorData(name="spike_times", description="s", data=np.concatenate([*spikes, []]))
    index = VectorIndex(name="spike_times_index", data=np.cumsum([len(u) for u in spikes]), target=flat)
    plain = [VectorData(name=name, description=name, data=list(data)) for name, data in columns.items()]
    nwb.units = Units(name="units", description="units", columns=[flat, index, *plain])


def add_probe(nwb, locations, group_location="", **columns):
    """One probe with an electrode a location."""
    device = nwb.create_device(name="probe")
    group = nwb.create_electrode_group("shank", "a shank", location=group_location, device=device)
    for name in columns:
        nwb.add_electrode_column(name, name)
    for row, location in enumerate(locations):
        nwb.add_electrode(group=group, location=location, **{k: v[row] for k, v in columns.items()})
    return group


def add_series(nwb, name, values, *, cells=None, location="VISp", module="ophys", area=None, **times):
    """A RoiResponseSeries in a processing module, or in acquisition if `module` is None."""
    from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

    cells = values.shape[1] if cells is None else cells
    channel = OpticalChannel(name="green", description="green", emission_lambda=520.0)
    plane = nwb.create_imaging_plane(
        name=f"plane of {name}",
        optical_channel=channel,
        description="plane",
        device=nwb.create_device(name=f"scope of {name}"),
        excitation_lambda=920.0,
        indicator="GCaMP",
        location=location,
    )
    place = module or "ophys"
    where = nwb.processing.get(place) or nwb.create_processing_module(place, "two photon")
    segmentation = ImageSegmentation(name=f"segmentation of {name}")
    where.add(segmentation)
    table = segmentation.create_plane_segmentation(
        name=f"cells of {name}", description="c", imaging_plane=plane
    )
    for _ in range(cells):
        table.add_roi(pixel_mask=[(0, 0, 1.0)])
    if area is not None:
        table.add_column(name="area", description="region", data=list(area))
    rois = table.create_roi_table_region(region=list(range(cells)), description="all")
    with pytest.warns() if values.shape[1] != cells else nullcontext():
        series = RoiResponseSeries(name=name, data=values, rois=rois, unit="a.u.", **times)
    if module is None:
        nwb.add_acquisition(series)
    else:
        container = Fluorescence(name=f"traces of {name}")
        where.add(container)
        container.add_roi_response_series(series)
