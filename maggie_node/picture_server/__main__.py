import sys

from maggie_node.picture_server.serve import serve

sys.exit(serve())
