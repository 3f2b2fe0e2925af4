"""What runs inside the sandbox: plain files that import only the standard library and numpy."""
