"""The kinds of figures, a file each: it draws them, and says in its registration when and of what."""
