"""White space: the characters that no entity begins or ends with."""

# Exactly the characters of which `str.isspace()` is true: those with Unicode's property White_Space, and the four
# information separators U+001C to U+001F. Zero-width characters (U+200B, U+2060, U+FEFF) are none in Unicode nor for
# `str.strip()`: they are format characters, may be at the edge of a name, and `strip` keeps them in gold annotations.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
