"""Text from data on pages that are written in MyST Markdown: shown as it is, whatever signs it holds."""

import re

_TELLING = re.compile(r"""[\\`*_{}\[\]<>#|~$&!^%@:"]""")


def escaped(text: object) -> str:
    """Return `text` in one line, each sign that means something in Markdown or HTML as a numeric character reference.

    Such a reference is text in both, in a block of raw HTML too, but not between backticks.
    """
    return _TELLING.sub(lambda sign: f"&#{ord(sign[0])};", " ".join(str(text).split()))
