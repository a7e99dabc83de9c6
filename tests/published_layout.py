"""A recording in the layout that descriptions of DANDI 000017 give."""

from datetime import UTC, datetime

import numpy as np
from pynwb import NWBHDF5IO, NWBFile
from pynwb.file import Subject


def write_published_layout(path, n_units=24, n_trials=40):
    """A small file with the columns and shapes that descriptions of 000017 give; spikes follow the side."""
    rng = np.random.default_rng(3)
    nwb = NWBFile("the layout of 000017", "Cori_2016-12-14", datetime(2016, 12, 14, 12, tzinfo=UTC))
    nwb.subject = Subject(subject_id="Cori", species="Mus musculus")
    group = nwb.create_electrode_group("Probe1", "probe", "several areas", nwb.create_device("0"))
    for number in range(60):
        nwb.add_electrode(location=("VISp", "CA1", "root")[number // 20], group=group)
    for name in ("time", "left_contrast", "right_contrast"):
        nwb.add_trial_column(f"visual_stimulus_{name}", name)
    for name in ("response_time", "feedback_type", "included"):
        nwb.add_trial_column(name, name)
    left, right = rng.choice([0.0, 0.25, 0.5, 1.0], (2, n_trials))
    onset_s = 2.0 + 4.0 * np.arange(n_trials) + rng.random(n_trials)
    for trial in range(n_trials):
        nwb.add_trial(
            start_time=onset_s[trial] - 0.5,
            stop_time=onset_s[trial] + 2,
            visual_stimulus_time=onset_s[trial],
            visual_stimulus_left_contrast=left[trial],
            visual_stimulus_right_contrast=right[trial],
            response_time=onset_s[trial] + 0.7,
            feedback_type=-1.0 if trial % 3 == 0 else 1.0,
            included=True,
        )
    nwb.add_unit_column("phy_annotations", "2 is good")
    nwb.add_unit_column("cluster_depths", "um")
    nwb.add_unit_column("spike_amps", "uV", index=True)
    for unit in range(n_units):
        n_spikes = rng.poisson(np.where(right > left, 10, 1))
        spikes = np.repeat(onset_s, n_spikes) + 0.4 * rng.random(n_spikes.sum())
        electrode = 20 if unit % 3 == 2 else 0  # every third unit lies in CA1
        nwb.add_unit(
            spike_times=np.sort(spikes),
            electrodes=[electrode, electrode + 1, electrode + 2],
            electrode_group=group,
            phy_annotations=2 if unit > 3 else 1,
            cluster_depths=[100.0 * unit],
            spike_amps=rng.random((len(spikes), 1)),
        )
    with NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)
    return left, right
