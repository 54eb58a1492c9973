"""Where config, tasks, nets, training, flow and store meet: what makes a run, and what makes many.

One run: `run` finds it or makes it. `making` makes a stack of runs, be it of one: it claims each (`rnnlab.store`),
trains them together (`training_loop`), measures each (`results`, `summary`), says where it comes from (`provenance`)
and publishes it. `hooks` is how it talks to whoever started it.

Many: `planning` lists the runs of a sweep and what there is of them, `stacks` says which train together, `costs` what
that takes, `resources` whether it fits. `unattended` makes what is left: it locks the study and lets `sweeper` watch
over it, by a `policy`; `failures`, `reporter` and `replacement` are what it keeps in the study's folder.

Between the two is a seam: the sweeper gives each stack as plain data (`messages`) to one of the `executors`, which has
it made by `stack_maker.make`, in a worker process or elsewhere, and tells what it hears.

What a sweep does until its workers start takes no torch: `planning`, `unattended`, `sweeper` and the executors do not
import it, so that the process which watches over a sweep stays small.
"""
