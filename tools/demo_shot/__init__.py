"""The demo shot: two stylised people cross in a room; sculpted, dressed and rendered in Blender by script."""
