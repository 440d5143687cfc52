#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the cases in Meson's testlog.json, shows what failed.

usage: test_log.py testlog.json OUTPUT_OF_MESON
A program counts as the cases that cmocka or unittest report in it, and as one case where they
report none. The last line printed is "PASSED FAILED SKIPPED".
"""
import json
import re
import sys

SKIPPED_BY_MESON = 77  # the exit status that Meson takes for "skipped"


def cases(text):
    """(passed, failed, skipped) as the program itself reported them."""
    passed, failed, skipped = (
        sum(map(int, re.findall(r'\[ *%s *\] (\d+) test\(s\)' % word, text)))
        for word in ('PASSED', 'FAILED', 'SKIPPED'))
    for count, result in re.findall(r'^Ran (\d+) tests? in .*\n\n(.*)$', text, re.M):
        bad = sum(map(int, re.findall(r'(?:failures|errors|unexpected successes)=(\d+)', result)))
        out = sum(map(int, re.findall(r'skipped=(\d+)', result)))
        passed, failed, skipped = passed + int(count) - bad - out, failed + bad, skipped + out
    return passed, failed, skipped


def count(test):
    passed, failed, skipped = cases(test.get('stdout', '') + '\n' + test.get('stderr', ''))
    result = test['result']
    if result == 'SKIP' or test.get('returncode') == SKIPPED_BY_MESON:
        return passed, failed, max(skipped, 1)
    if result not in ('OK', 'EXPECTEDFAIL'):
        return passed, max(failed, 1), skipped
    return (passed, failed, skipped) if passed + failed + skipped else (1, 0, 0)


def main():
    log, output = sys.argv[1:]
    try:
        with open(log) as file:
            tests = [json.loads(line) for line in file]
    except (OSError, ValueError):
        tests = []
    if not tests:
        print(open(output).read())
        print('Meson ran no tests')
        print('0 1 0')
        return
    totals = [0, 0, 0]
    for test in tests:
        counts = count(test)
        totals = [a + b for a, b in zip(totals, counts)]
        if counts[1]:
            print('FAILED  %s (%s)' % (test['name'], test['result']))
            print(test.get('stdout', '')[-8000:])
            print(test.get('stderr', '')[-8000:])
    print(*totals)


if __name__ == '__main__':
    main()
