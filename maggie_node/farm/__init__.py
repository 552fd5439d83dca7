"""Jobs for render farms: how a shot is cut into tasks, what that costs, and the files each farm takes."""
