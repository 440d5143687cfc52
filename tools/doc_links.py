#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that links from document to document, and to headings in them, lead somewhere."""
import os
import re
import subprocess
import sys

LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
FENCE = re.compile(r'^```.*?^```', re.M | re.S)


def headings(path):
    """The anchors of a document, spelled as code hosts spell them."""
    text = FENCE.sub('', open(path, encoding='utf-8').read())
    for title in re.findall(r'^#+ (.*)$', text, re.M):
        yield re.sub(r'[^\w\- ]', '', title.strip().lower()).replace(' ', '-')


def faults_of(path):
    text = FENCE.sub('', open(path, encoding='utf-8').read())
    for link in LINK.findall(text):
        if re.match(r'[a-z]+:', link):
            continue
        target, _, anchor = link.partition('#')
        full = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(full):
            yield link
        elif anchor and full.endswith('.md') and anchor not in headings(full):
            yield link


def main():
    names = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard',
                            '*.md'], check=True, capture_output=True, text=True).stdout.split()
    faults = ['%s: %s leads nowhere' % (name, link) for name in names for link in faults_of(name)]
    print('\n'.join(faults) if faults else 'the links of %d documents are right' % len(names))
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
