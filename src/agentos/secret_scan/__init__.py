"""Find secrets, and on request personal data, in what is about to leave this computer."""

from agentos.secret_scan.allow import ALLOW_FILE, AllowList
from agentos.secret_scan.finding import Finding, Kind
from agentos.secret_scan.scan import Scan, scan_bytes, scan_files, scan_text

__all__ = [
    "ALLOW_FILE",
    "AllowList",
    "Finding",
    "Kind",
    "Scan",
    "scan_bytes",
    "scan_files",
    "scan_text",
]
