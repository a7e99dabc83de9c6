"""A day of the licking set, written as NWB.

Trials are laid end to end with a gap, since whether they followed each other is not known; the file says so.
"""

from uuid import NAMESPACE_OID, uuid5

import h5py
import numpy as np

from digimus.storage import writing


def write_day(path, day, trials, layout):
    """Write the trials of a day as NWB: trials, one unit a channel, and the events ``licks``.

    Every spike and lick lies in the middle of its sample; several spikes of one sample are spread over it.
    The file's ids depend on the session's name alone.

    Parameters
    ----------
    path : str or Path
    day : Day
    trials : list of Trial
    layout : LickingLayout
    """
    from pynwb import NWBHDF5IO

    sample_s = layout.sample_ms / 1000
    n_samples = np.array([len(trial.licks) for trial in trials])
    start_s = (np.cumsum(n_samples) - n_samples) * sample_s + np.arange(len(trials)) * layout.gap_s
    spans_s = np.column_stack([start_s, start_s + n_samples * sample_s])
    nwb = _nwb_file(day, layout)
    nwb.add_trial_column("n_samples", "samples of the trial")
    nwb.add_trial_column("file", "file that the trial comes from")
    for trial, (start, stop), n in zip(trials, spans_s, n_samples, strict=True):
        nwb.add_trial(start_time=start, stop_time=stop, n_samples=int(n), file=trial.file)
    _add_units(nwb, day, trials, spans_s, sample_s)
    _add_licks(nwb, trials, start_s, sample_s)
    with writing(path) as temporary:
        with NWBHDF5IO(str(temporary), "w") as io:
            io.write(nwb)
        _fix_object_ids(temporary, day.session)


def _nwb_file(day, layout):
    from pynwb import NWBFile
    from pynwb.file import Subject

    simulated = "SIMULATED: " if layout.simulated else ""
    date = "" if day.is_dated else " The day's date is not known: the start of the session is made up."
    nwb = NWBFile(
        session_description=f"{simulated}licking, {day.region}, day {day.folder.name}",
        identifier=str(uuid5(NAMESPACE_OID, f"digimus/licking/{day.session}")),
        session_start_time=day.start,
        file_create_date=day.start,
        session_id=day.session,
        keywords=["licking", *(["simulated"] if layout.simulated else [])],
        notes="Made from MATLAB files, one a trial. Whether trials followed each other is not known: they "
        f"are laid end to end with a gap of {layout.gap_s:g} s, so that times between them mean nothing. A "
        f"sample is taken to be {layout.sample_ms:g} ms, which the files do not say. Units are channels, not "
        f"sorted by cell. Licks are samples above 0 in column {layout.lick_column} of the behaviour.{date}",
        source_script=f"digimus.recordings.licking_mat, {layout}",
        source_script_file_name="licking_mat.py",
    )
    nwb.subject = Subject(subject_id=day.animal, species="Mus musculus", sex="U")
    return nwb


def _add_units(nwb, day, trials, spans_s, sample_s):
    """A unit a channel, observed during the trials alone."""
    device = nwb.create_device(name="probe", description="not named in the files")
    group = nwb.create_electrode_group(
        name=day.region, description=f"channels of {day.region}", location=day.region, device=device
    )
    for channel in range(trials[0].spikes.shape[1]):
        nwb.add_electrode(id=channel, location=day.region, group=group)
    nwb.add_unit_column("channel", "channel of the array, from 0")
    for channel in range(trials[0].spikes.shape[1]):
        times = [
            start + _within_samples(trial.spikes[:, channel]) * sample_s
            for trial, (start, _) in zip(trials, spans_s, strict=True)
        ]
        nwb.add_unit(
            id=channel,
            channel=channel,
            spike_times=np.concatenate(times),
            obs_intervals=spans_s,
            electrodes=[channel],
        )
    nwb.units.resolution = sample_s


def _add_licks(nwb, trials, start_s, sample_s):
    from pynwb.event import EventsTable, TimestampVectorData

    times = [
        start + (np.flatnonzero(trial.licks) + 0.5) * sample_s
        for trial, start in zip(trials, start_s, strict=True)
    ]
    times = np.concatenate(times)
    if len(times):
        column = TimestampVectorData(name="timestamp", description="middle of the sample, s", data=times)
        table = EventsTable(name="licks", description="samples with a lick", columns=[column])
        nwb.add_events_table(table)


def _within_samples(counts):
    """Times in samples of counts a sample (n_samples,): one spike in its middle, several spread over it."""
    sample = np.repeat(np.arange(len(counts)), counts)
    rank = np.arange(len(sample)) - np.repeat(np.cumsum(counts) - counts, counts)
    return sample + (rank + 0.5) / np.repeat(counts, counts)


def _fix_object_ids(path, name):
    """Replace the random object ids by ones that follow from the session and the place in the file."""
    with h5py.File(path, "r+") as file:

        def fix(place, thing):
            if "object_id" in thing.attrs:
                thing.attrs["object_id"] = str(uuid5(NAMESPACE_OID, f"digimus/licking/{name}/{place}"))

        fix("", file)
        file.visititems(fix)
