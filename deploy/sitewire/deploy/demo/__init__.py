"""Federated training over scikit-learn's digits: what a user would write, with everything around it.

Lives here: the data and how it is dealt out (``digits``, ``examples``, ``split``), the network (``network``), the
processes (``plan``, ``messages``, ``site``, ``coordinator``, ``federation``) and their syntaxes (``logbook``), what
became of it (``books``, ``readers``), and what a person sees (``place``, ``session``, ``progress``, ``summary``,
``next_steps``, ``main``). May be changed here: anything but what the guide shows. May import: the extra ``[demo]``
and all other folders. ``site`` and ``coordinator`` run in processes of their own and import of sitewire only what a
trainer would.
"""
