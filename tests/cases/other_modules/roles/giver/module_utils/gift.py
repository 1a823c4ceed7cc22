def wrap(word):
    return "<%s>" % word
