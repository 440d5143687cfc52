# SPDX-License-Identifier: Apache-2.0
class ErrorReport:
    id: str
    name: str
    what: str
    where: str
    why: str
    fix: str
    exit_code: int
    def __init__(self, id: str, name: str, what: str, where: str, why: str, fix: str, exit_code: int) -> None: ...
    @property
    def hint(self) -> str: ...
    @property
    def text(self) -> str: ...

class RKNNError(Exception):
    report: ErrorReport
    id: str
    name: str
    what: str
    where: str
    why: str
    fix: str
    hint: str
    text: str
    exit_code: int
    def __init__(self, report: ErrorReport) -> None: ...
