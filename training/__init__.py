"""Behind run.py: from a file of samples to weights, scores and figures.

pipeline    train(...) and adapt_to_area(...): what run.py and a notebook call, step by step
parts       which samples train, choose the epoch, test
recipe      how a network is trained: Settings, the published recipe, optimizer, learning rate
loop        fit(net, train, validation, settings): the epochs, and the best of them
augment     changes to series that leave their labels true
adapt       fitting weights to an area without labels
world       a network for all land; mixture: real series made as long as the simulated ones
runs        the folder of a run: claimed, remembered for --resume
state       what is saved after each epoch
results     what a run leaves: card, files, figures, words
card        TrainingCard: what weights say about their training
processes   the device, and several processes under torchrun
"""
