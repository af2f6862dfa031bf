"""The threat model of a run, by which the leaderboard has its tabs."""

from __future__ import annotations

from vrbench.report.grid import Cell

NEW_ITEM = "ColdStart"  # the scenario's component
MODELS = {  # by how the name of a threat begins
    "profiles": "profiles",
    "mixed": "profiles",
    "parameters": "parameters",
    "vector": "features",
    "none": "nobody",
}


def threat_model(cell: Cell) -> str:
    """Return "evasion", "poisoning", "new item", "profiles", "features" or "parameters".

    A new item is offered by whoever brings it, whatever the timing; fake profiles are always there
    before a training; else it is the timing that tells.
    """
    parts, name = cell.entries[0]["parts"], cell.where["threat"]
    for begins, model in MODELS.items():
        if name.startswith(begins) and not name.startswith("mixed_poisoning"):
            return model
    if parts.get("scenario", {}).get("component") == NEW_ITEM:
        return "new item"
    return "poisoning" if "poisoning" in name else "evasion"
