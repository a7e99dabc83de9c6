"""Columns of the tables that trained networks and reference decoders share."""

SCORE_COLUMNS = (
    "benchmark", "task", "animal", "session", "region", "n_units", "model", "prior", "seed", "split",
    "fold", "metric", "value", "training",
)  # fmt: skip
RATE_COLUMNS = (
    "benchmark", "task", "training", "model", "prior", "split", "fold", "learning_rate", "n_updates",
    "validation_loss", "validation_accuracy", "chosen",
)  # fmt: skip
NULL_COLUMNS = (
    "benchmark", "session", "animal", "model", "split", "null", "balanced_accuracy", "null_mean", "null_sd",
    "null_95", "p", "n_permutations", "chance", "best_accuracy", "best_accuracy_se", "metric", "value",
)  # fmt: skip
OF_CELL = ("benchmark", "session", "animal", "model", "prior", "split", "seed")
TIMECOURSE_COLUMNS = (*OF_CELL, "train_time_s", "test_time_s", "metric", "value")
CALIBRATION_COLUMNS = (*OF_CELL, "bin", "n", "mean_probability", "frequency")
REGION_COLUMNS = (
    "benchmark", "session", "animal", "region", "n_units", "n_available", "draw", "model", "split", "metric",
    "value", "chance",
)  # fmt: skip
DECODED_COLUMNS = (
    "benchmark", "session", "model", "prior", "split", "sample", "time_s", "class", "probability",
)  # fmt: skip
DECODING_TABLES = {
    "scores": SCORE_COLUMNS,
    "nulls": NULL_COLUMNS,
    "timecourse": TIMECOURSE_COLUMNS,
    "calibration": CALIBRATION_COLUMNS,
    "regions": REGION_COLUMNS,
    "decoded": DECODED_COLUMNS,
}
"""Columns of the tables of decoding, by the names of their files."""
