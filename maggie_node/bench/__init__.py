"""What the network costs: against its published order of operations, and against the machine."""
