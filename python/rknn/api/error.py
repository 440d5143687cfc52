# SPDX-License-Identifier: Apache-2.0
"""What a failed call leaves behind."""


class ErrorReport:
    """A failure. Every field is text, and '' when there is nothing to say.

    id     stable, as in 'E0203'
    name   stable, as in 'torch-weights-only'
    what   what happened
    where  file, line, layer or argument, in the script's own names
    why    the reason
    fix    what to do; also called hint
    """

    __slots__ = ('id', 'name', 'what', 'where', 'why', 'fix', 'exit_code')

    def __init__(self, id, name, what, where, why, fix, exit_code):
        self.id = id
        self.name = name
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix
        self.exit_code = exit_code

    @property
    def hint(self):
        return self.fix

    @property
    def text(self):
        """The whole message, as it is printed."""
        lines = ['error[%s]: %s' % (self.id, self.what)]
        for label, detail in (('where', self.where), ('why', self.why), ('help', self.fix)):
            if detail:
                lines.append('  %s: %s' % (label, detail.replace('\n', '\n    ')))
        return '\n'.join(lines)

    def __str__(self):
        return self.text

    def __repr__(self):
        return '<ErrorReport %s %s: %s>' % (self.id, self.name, self.what)


class RKNNError(Exception):
    """Raised by the calls of RKNN(raise_on_error=True); has the fields of ErrorReport."""

    def __init__(self, report):
        super().__init__(report)
        self.report = report

    def __getattr__(self, name):
        if name in ErrorReport.__slots__ or name in ('hint', 'text'):
            return getattr(self.report, name)
        raise AttributeError(name)
