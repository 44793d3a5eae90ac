"""Train stacks: greedy layers, fine-tuning, and what is solved in closed form."""
