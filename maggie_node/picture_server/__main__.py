from maggie_node.picture_server.serve import serve

serve()
