"""Networks: one that corrects the hybrid's ranking, one that retrieves songs by two towers."""
