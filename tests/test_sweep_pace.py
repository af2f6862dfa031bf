"""A sweep says how many of its cells are done."""

import logging

from hydra.core.utils import JobReturn
from hydra.types import RunMode
from omegaconf import OmegaConf

from vrbench.cli.outcomes import Report


def test_every_cell_that_ends_is_counted_once_and_a_new_sweep_begins_at_none(tmp_path, caplog):
    hydra = {"mode": RunMode.MULTIRUN, "sweep": {"dir": str(tmp_path)}, "sweeper": {"params": None}}
    config = OmegaConf.create({"hydra": hydra | {"overrides": {"task": ["seed=0,1,2"]}}})
    report = Report("it")
    caplog.set_level(logging.INFO)
    for _ in range(2):
        caplog.clear()
        report.on_multirun_start(config)
        for _ in range(3):
            report.on_job_end(config, JobReturn())
        told = [record.getMessage().partition(",")[0] for record in caplog.records]
        assert told == ["1 of 3 cells", "2 of 3 cells", "3 of 3 cells"]
