"""The parts of bench/run and its like, lowest first: a module imports only from those before it.

elf         what an executable or library is, and whether it defines a function
allocators  the allocators that are compared: finding them, asking whose malloc a process has
process     one run of one program: launched, watched, ended, measured
inputs      the texts that the real programs work on
rows        what is run: the C programs of bench/programs.txt, and the choice among all rows
server      a run of a server with its client
real        what is run: real programs
results     the results file, the machine, writing files whole or not at all
session     all runs, interleaved, with progress
stats       medians, spreads, ratios, ranks
tables      results as text: terminal and Markdown
charts      results as pictures, by gnuplot
cli         arguments, exit statuses
contention  bench/contention: what threads make each other wait for
areas       what the programs of bench/memory print, areas between live and resident memory
area_report areas as text and pictures
memory      bench/memory/run: runs and arguments
"""
