"""The documentation: its pages, and what fills them."""
