"""What the competitors in Python share: lines of JSON to the benchmark, and the memory of the process."""
import json
import sys


def say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def unavailable(reason: str) -> None:
    """Ends the process after telling the benchmark why this competitor cannot run here."""
    say({"unavailable": reason})
    sys.exit(0)


def resident_bytes() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))
