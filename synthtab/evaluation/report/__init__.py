"""What is said and drawn of the scores: verdicts, text, JSON, HTML, comparisons."""
