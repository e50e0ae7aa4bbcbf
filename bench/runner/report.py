"""Results as a table for people and as JSON."""

import json
import os
import platform
import statistics
import time
from pathlib import Path

from .ratios import paired
from .scenarios import Scenario


def median_of(costs: list[float | None]) -> float | None:
    there = [cost for cost in costs if cost is not None]
    return statistics.median(there) if there else None


def verdicts(scenario: Scenario, costs: dict[str, list]) -> list[dict]:
    """What of mesh's targets is met: the median decides."""
    if "mesh" not in costs:
        return []
    found = []
    for peer, target in scenario.targets.items():
        ratio = paired(costs["mesh"], costs.get(peer, []))
        found.append({"of": peer, "target": target, "value": ratio and ratio.median,
                      "met": ratio and ratio.median <= target})
    if scenario.bound is not None:
        value = median_of(costs["mesh"])
        found.append({"of": scenario.unit, "target": scenario.bound, "value": value,
                      "met": value is not None and value <= scenario.bound})
    return found


def verdict_text(verdict: dict) -> str:
    against = verdict.get("unit") or {"kB": " kB", "listening_s": " s", "cold_mb": " MB", "ratio_warm": ""}.get(
        verdict["of"], f" x {verdict['of']}")
    result = {None: "not measured", True: "met", False: "NOT MET"}[verdict["met"]]
    return f"<= {verdict['target']}{against}: {result}"


def table(scenario: Scenario, costs: dict[str, list], troubles: dict[str, list[str]], extra: dict[str, str],
          reference_name: str = "haproxy") -> str:
    reference = costs.get(reference_name, [])
    base = median_of(reference)
    head = f"{scenario.name}: {scenario.what}"
    if base is not None:
        head += f" ({reference_name} = 1: {base:.4g} {scenario.unit})"
    lines = [head, f"  {'':10} {'ratio':>6}  {'95 %':>12}  {'all rounds':>12}  {scenario.unit:>8}"]
    for peer, values in costs.items():
        middle = median_of(values)
        if middle is None:
            lines.append(f"  {peer:10} {'-':>6}")
        else:
            ratio = paired(values, reference)
            cells = ("", "", "") if ratio is None else (
                f"{ratio.median:.2f}", f"{ratio.low:.2f}..{ratio.high:.2f}", f"{ratio.least:.2f}..{ratio.most:.2f}")
            lines.append(f"  {peer:10} {cells[0]:>6}  {cells[1]:>12}  {cells[2]:>12}  {middle:>8.4g}  "
                         + "  ".join([extra.get(peer, ""), *(map(verdict_text, verdicts(scenario, costs))
                                                              if peer == "mesh" else [])]))
        for trouble in sorted(set(troubles.get(peer, []))):
            lines.append(f"  {'':10} rounds that do not count: {trouble}")
    return "\n".join(line.rstrip() for line in lines)


def summary(documents: list[dict]) -> str:
    verdicts = [(document["scenario"], verdict) for document in documents for verdict in document["targets"]]
    unmet = [f"{scenario} ({verdict['value']:.2f} for {verdict['target']})" for scenario, verdict in verdicts
             if verdict["met"] is False]
    met = sum(verdict["met"] is True for _, verdict in verdicts)
    unknown = len(verdicts) - met - len(unmet)
    return (f"{met} of {met + len(unmet)} targets met" + (f"; not: {', '.join(unmet)}" if unmet else "")
            + (f"; not measured: {unknown}" if unknown else ""))


def scenario_json(scenario: Scenario, costs: dict[str, list], troubles: dict[str, list[str]],
                  results: dict[str, list], reference_name: str) -> dict:
    reference = costs.get(reference_name, [])
    peers = {}
    for peer, values in costs.items():
        ratio = paired(values, reference)
        peers[peer] = {"cost": median_of(values), "costs": values, "ratio": ratio and ratio.as_json(),
                       "troubles": troubles.get(peer, []), "rounds": results.get(peer, [])}
    return {"scenario": scenario.name, "what": scenario.what, "unit": scenario.unit, "reference": reference_name,
            "peers": peers,
            "targets": verdicts(scenario, costs)}


def machine() -> dict:
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    system = next((line.partition("=")[2].strip('"') for line in Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("PRETTY_NAME=")), "unknown")
    return {"cpu": model, "cores": os.cpu_count(), "memory_mb": memory, "kernel": platform.release(),
            "system": system, "load_before": os.getloadavg()[0]}


def save(folder: Path, document: dict, of: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime(f"{of}%Y%m%d-%H%M%S.json")
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path
