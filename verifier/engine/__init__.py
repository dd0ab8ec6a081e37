"""From bound flows to verdicts: the plan, the judge, the completeness of evidence, and the one table that decides."""
