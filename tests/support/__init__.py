"""What tests share, a file a subject; a test imports it as `support.…`.

helpers          a tiny backbone, a picture, a free port
scripted         samplers, sources, trainers whose behaviour is known beforehand
evolving         a small self-evolution and what it leaves on disk
balancing        policies that are best at a known temperature
unlabeled        problems with hidden answers
refreshing       a self-evolution with a PRM that is trained on
strategies       the same training under any strategy
uneven           responses of uneven lengths, and their loss token by token
jsonl            JSON Lines files of problems
taught           policies for the embedded engine that are far from uniform, or know their lessons by heart
engines          problems, policies and comparisons for tests of all engines
servers          a real `lit-mstar serve`
zygote           real processes that start at once
ranks            several that work together; their jobs: rank_jobs, strategy_jobs, evolving_ranks, refreshing
commands         the command in this process, or as one of its own; a short stage for it
recipes          the quickstart in miniature; small_study: a study of it; miniature: the one that is killed
small_stage      a small evolve stage; faults: callbacks that make things go wrong in it
logged_sampler   a sampler that notes what it sampled; comparison: whether two runs left the same
"""
