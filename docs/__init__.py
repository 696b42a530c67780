"""Programs that fill the generated parts of the documentation and draw its pictures."""
