"""Rows with differential privacy: learnt from noisy counts, every one of them paid for.

noise      discrete Gaussian noise and noisy choices, from OpenDP
ledger     what was asked, what each question cost, and what that promises
domains    the finite values that a column can have
questions  the table: the only object that sees rows, and answers with noise
mixture    a distribution over rows that agrees with the noisy answers
learn      which questions to ask, and rows from their answers
"""
