"""Write down what each NWB file of a dataset offers, or why it cannot be read."""

from job import job
from recording_inputs import recordings_of

with job(snakemake):
    from digimus.errors import InputError
    from digimus.recordings import describe, offers
    from digimus.storage import write_text

    pages = []
    for path in recordings_of(snakemake):
        try:
            pages.append(describe(offers(path)))
        except InputError as error:
            pages.append(f"{path}\n{error}")
    write_text(snakemake.output.offers, "\n\n".join(pages) + "\n")
