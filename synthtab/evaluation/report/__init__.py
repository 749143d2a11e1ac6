"""What is said and drawn of the scores: verdicts, text, JSON, the HTML page, comparisons."""
