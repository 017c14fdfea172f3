"""What a name and a password must be, in words for the one who types them; knows no account.

Length counts, not a mixture of characters (NIST SP 800-63B), and what everybody tries first is refused.
"""

from __future__ import annotations

import re
import unicodedata

from wallboard.fields import clean

LONGEST_NAME, LONGEST_SHOWN = 80, 40
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
_NAME = re.compile(r"[\w.+@-]{2,80}")
_FEWEST_DIFFERENT = 5
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "zaq1xsw2cde3vfr4bgt5nhy6",
)
# Of the lists of passwords that leaked most often, what remains of those of twelve characters and more without
# their figures and signs.
_COMMON = """
    password passwort passwords passw passwd mypassword thepassword newpassword adminpassword passwordadmin secret
    topsecret welcome welcometo letmein letmeinnow letmeinplease administrator admin adminadmin root superuser
    qwerty qwertyqwerty qwertyuiop asdfghjkl asdfasdf iloveyou iloveyousomuch iloveu monkey dragon sunshine princess
    football baseball basketball superman batman starwars trustno trustnoone master changeme changemeplease
    changeit default guest test testing testtest temp temporary hello helloworld whatever freedom michael jordan
    correcthorsebatterystaple unbelievable wallboard callcentre callcenter supervisor telephone switchboard
    phonecloud voipcloud voipline summer winter spring autumn january february march april june july august september
    october november december monday tuesday wednesday thursday friday company abcabc abcdabcd
"""
_WORDS = frozenset(_COMMON.split())


class Unfit(Exception):
    """A name or a password cannot be taken; the text says what to do."""


def sign_in_name(typed: str) -> str:
    """The name as it is kept and compared: without case and without what cannot be seen; Unfit."""
    name = folded(typed)
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise Unfit("A sign-in name is an e-mail address or a name of letters, figures and . _ - + without spaces.")
    return name


def folded(typed: str) -> str:
    """A name as it is compared, whatever was typed."""
    return unicodedata.normalize("NFKC", (clean(typed[: LONGEST_NAME * 2]) or "")).casefold()


def shown_name(typed: str) -> str:
    """What others read, on marks and in the audit log; Unfit."""
    name = (clean(unicodedata.normalize("NFC", typed[:400])) or "")[:LONGEST_SHOWN].strip()
    if not name:
        raise Unfit("Say what the others call this person, such as a first name.")
    return name


def as_typed(password: str) -> str:
    """A password as it is hashed, by whichever keyboard it was typed; cut where none of ours can be."""
    return unicodedata.normalize("NFC", password[: LONGEST_PASSWORD * 4])


def password(typed: str, *names: str) -> str:
    """The password as it is hashed; Unfit if it is short, one of `names`, or what everybody tries first."""
    given = as_typed(typed)
    if len(given) < SHORTEST_PASSWORD:
        raise Unfit(f"A password has at least {SHORTEST_PASSWORD} characters. Four words in a row are a good one.")
    if len(given) > LONGEST_PASSWORD:
        raise Unfit(f"A password has at most {LONGEST_PASSWORD} characters.")
    if _letters(given) in {_letters(part) for name in names for part in (name, name.partition("@")[0])} - {""}:
        raise Unfit("A password must not be the name.")
    if _is_common(given.casefold()):
        raise Unfit("That password is one of the first that anybody would try. Four words in a row are a good one.")
    return given


def _is_common(given: str) -> bool:
    bare = "".join(letter for letter in given if letter.isalnum())
    if len(set(given)) < _FEWEST_DIFFERENT or _letters(given) in _WORDS or _unit(bare) in _WORDS:
        return True
    return any(bare in row * 2 or bare in row[::-1] * 2 for row in _ROWS)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalpha())


def _unit(text: str) -> str:
    """What the text repeats: `secretsecret` is `secret`; the text itself if it repeats nothing."""
    for length in range(1, len(text) // 2 + 1):
        if len(text) % length == 0 and text[:length] * (len(text) // length) == text:
            return text[:length]
    return text
