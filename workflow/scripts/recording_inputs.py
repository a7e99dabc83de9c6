"""What the two rules that read recordings share: the files of a dataset."""

from pathlib import Path


def recordings_of(snakemake):
    """The files of the rule's dataset, from an archive, or as its pattern names them."""
    from digimus.recordings import recorded_files
    from digimus.retrieval.dandi import retrieved_files

    dataset = snakemake.params.dataset
    folder = Path(dataset["folder"])
    if "dandi" in dataset:
        return retrieved_files(folder, dataset["dandi"]["paths"])
    return recorded_files(folder, dataset["pattern"])
