"""What the verifier costs: generated flows with known faults, judged and measured. `make bench` runs it."""
