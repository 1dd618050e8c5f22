"""What tests share, a file a subject; a test imports it as `support.…`.

helpers          a tiny backbone, a picture
scripted         samplers, sources, trainers whose behaviour is known beforehand
evolving         a small self-evolution and what it leaves on disk
refreshing       the same with a PRM that is trained on
strategies       the same training under any strategy
engines          problems, policies and comparisons for tests of all engines
servers          a real `lit-mstar serve`
ranks            several real processes; their jobs: rank_jobs, strategy_jobs, evolving_ranks, refreshing
commands         the real command as a process, with the imports done once; a stage for it
recipes          the quickstart in miniature; small_study: a study of it; miniature: the one that is killed
small_stage      a small evolve stage for faults.py: callbacks that make things go wrong
logged_sampler   a sampler that notes what it sampled; comparison: whether two runs left the same
"""
