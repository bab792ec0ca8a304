"""A replication of He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385v1).

    nets        the architectures, in the paper's nouns
    data        data sets, their sources and fingerprints, augmentation
    evaluation  the error of a net
    training    the loop, the learning rate, checkpoints, tracking
    paper       the paper's own numbers, curves and claims, as data
    study       fidelity, statistics, tables and claims over many runs
    report      figures, tables and the page as functions of results

Imports go downward only: report, study, training, evaluation, then data and nets.
`recipe` and `errors` stand beneath them all.
"""
