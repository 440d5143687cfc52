# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C for a program under test, at a moment that does not depend on the machine's speed."""
import pathlib
import re
import subprocess
import time


def catches(process, number):
    """Whether the process has a handler for the signal by now."""
    status = pathlib.Path('/proc/%d/status' % process.pid).read_text()
    return int(re.search(r'(?m)^SigCgt:\s*(\w+)', status)[1], 16) >> (number - 1) & 1


def interrupt(command, number, **options):
    """Runs the command, which must have work that cannot end within minutes, sends the signal as
    soon as it is caught, and returns the finished process with its stderr as text."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, **options)
    while process.poll() is None and not catches(process, number):
        time.sleep(0.01)
    process.send_signal(number)
    error = process.communicate(timeout=300)[1]
    return subprocess.CompletedProcess(command, process.returncode, None, error)
