WORD = "moved"
