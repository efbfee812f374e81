"""Patterns of the words that ask for less, more or nothing of a sound, in any form."""

from __future__ import annotations

from lcr.instruction import Action

LOWER = (
    r"turn(?:ed|ing)? down|low?er(?:ed|ing)?(?!-)|reduc\w+|decreas\w+|soften\w*|quieten\w*|"
    r"quiet down|ton(?:e|ed|ing) down|dial\w* (?:down|back)|bring\w* down|weaken\w*|attenuat\w+|"
    r"diminish\w*|lessen\w*|dampen\w*|halv(?:e|ing)|hush|"
    r"(?<!the )duck(?:ing)?(?= (?:it|them|him|her|the|my|that|those)\b|$)|tam(?:e|ing)|"
    r"subdu\w+|mellow\w*"
)
RAISE = (
    r"turn(?:ed|ing)? up|rais\w+|increas\w+|boost\w*|amplif\w+|emphasi[sz]\w+|crank\w*(?: up)?|"
    r"(?:pump|bump|bring)\w* up|elevat\w+|enhanc\w+|lift\w*|intensif\w+|strengthen|"
    r"doubl(?:e|ing)(?! bass)"
)
REMOVE = (
    r"remov\w+|delet\w+|eliminat\w*|mut(?:e|ed|ing)|silenc\w+|cut(?:ting)?(?: out)?|drop\w*|"
    r"eras\w+|los(?:e|ing)|kill\w*|shush\w*|ditch\w*|zap\w*|scrap\w*|strip\w*(?: out)?|omit\w*|"
    r"discard\w*|exclud\w*|wip(?:e|ing)(?: out)?|get(?:ting)? (?:shot|rid) of|"
    r"tak(?:e|ing|en) out|filter\w*(?: out)?|(?:edit|clear)\w* out|throw\w*(?: out)?|"
    r"turn(?:ing)? off|do away with|chuck\w*|toss\w*(?: out)?|scrub\w*(?: out)?|banish\w*|"
    r"snip\w*(?: out)?|axe|nix|nuke|purg(?:e|ing)|expung\w+|subtract\w*|evict\w*|excis\w+|"
    r"(?:weed|kick|cancel)\w* out|switch(?:ing)? off"
)
LESS = rf"(?:{LOWER}|softer|quiet\w*|less loud)"
MORE = rf"(?:{RAISE}|louder|more prominent)"
GONE = rf"(?:{REMOVE}|gone|disappear|go away)"
CHANGED = r"(?:touch\w*|chang\w+|alter\w*|affect\w*|modif\w+|harm\w*|damag\w+|mess(?:ing)? with)"
VERBS = {Action.DOWN: LESS, Action.UP: MORE, Action.REMOVE: GONE}
