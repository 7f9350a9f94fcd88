"""What is measured, a file for each case: its arms, which take turns, and the figures that come of them."""
