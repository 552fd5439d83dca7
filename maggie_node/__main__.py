"""`python -m maggie_node`: the command line without its launcher, as hosts start it."""

from maggie_node.cli import main

if __name__ == "__main__":
    main(prog_name="maggie-node")
