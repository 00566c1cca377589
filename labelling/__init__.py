"""Behind label.py: land cover products and a stack -> samples with a label for every month.

candidates  which pixels are worth reading
evidence    what products and network say together of every month
dating      the networks that find the months, trained on what the products say
choose      which series are taken, and the figures of the report
report      report.md and its figures
pipeline    all of it in order: label_stack
"""
